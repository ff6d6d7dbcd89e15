"""Differentiable steps against torch's own optimizers, and against derivatives taken by hand."""

import pytest
import torch
from torch import nn

from lightning_gans import ConfigError
from lightning_gans.engine import InnerSGD, SameOptimizer, functional_call_with, unroll
from lightning_gans.networks import spectrally_normalized

STEPS = 4
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.99)),
    "decayed": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def batch():
    return torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def moved(net, optimizer, x, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("warm", [0, 3])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_unrolled_steps_are_those_that_the_optimizer_would_take(kind, warm):
    net, x = network(), batch()
    optimizer = OPTIMIZERS[kind](net.parameters())
    moved(net, optimizer, x, warm)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    memory = [{k: v.clone() for k, v in s.items() if v is not None} for s in optimizer.state_dict()["state"].values()]
    ahead = unroll(net, lambda: net(x).square().mean(), STEPS, optimizer, SameOptimizer())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    for now, then in zip(optimizer.state_dict()["state"].values(), memory, strict=True):
        assert all(torch.equal(now[name], then[name]) for name in then)
    moved(net, optimizer, x, STEPS)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(ahead[name], value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("inner", [InnerSGD(0.3), SameOptimizer()])
def test_gradient_through_the_steps_is_exact(inner):
    net, x = network(), batch()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    moved(net, optimizer, x, 2)

    def ahead(inputs):
        state = unroll(net, lambda: (net(inputs) - 1).square().mean(), 3, optimizer, inner)
        return functional_call_with(net, state, lambda: net(inputs).exp().sum())

    assert torch.autograd.gradcheck(ahead, (x.requires_grad_(),))


def test_a_weight_without_a_gradient_stays_and_has_a_derivative():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    net[0].bias.data.fill_(-100)  # all hidden units are dead
    optimizer = torch.optim.Adam(net.parameters())
    x = batch().requires_grad_()
    state = unroll(net, lambda: net(x).square().mean(), 2, optimizer, SameOptimizer())
    assert torch.equal(state["0.weight"], net[0].weight)
    (slope,) = torch.autograd.grad(functional_call_with(net, state, lambda: net(x).sum()), x)
    assert bool((slope == 0).all())


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_buffers_go_along_and_are_left_behind(norm):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 4), *([nn.BatchNorm1d(4)] if norm == "batch" else []), nn.Linear(4, 1))
    net = spectrally_normalized(net) if norm == "spectral" else net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = batch().float()
    ahead = unroll(net, lambda: net(x).square().mean(), 2, torch.optim.Adam(net.parameters()), SameOptimizer())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert any(not torch.equal(ahead[name], before[name]) for name, _ in net.named_buffers())


def test_what_the_optimizer_does_not_hold_stays_fixed():
    net, x = network(), batch()
    optimizer = torch.optim.SGD(net[2].parameters(), lr=0.1)
    ahead = unroll(net, lambda: net(x).square().mean(), 2, optimizer, SameOptimizer())
    assert torch.equal(ahead["0.weight"], net[0].weight)
    assert not torch.equal(ahead["2.weight"], net[2].weight)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (torch.optim.RMSprop, r"optimization\.discriminator='RMSprop': only Adam and SGD"),
        (torch.optim.AdamW, r"optimization\.discriminator='AdamW"),
        (lambda p: torch.optim.Adam(p, amsgrad=True), "'Adam amsgrad'"),
    ],
)
def test_other_optimizers_are_refused_unless_the_steps_are_plain(optimizer, message):
    net, x = network(), batch()
    own = optimizer(net.parameters())
    with pytest.raises(ConfigError, match=message):
        unroll(net, lambda: net(x).sum(), 1, own, SameOptimizer())
    unroll(net, lambda: net(x).sum(), 1, own, InnerSGD(0.1))
    with pytest.raises(ConfigError, match=r"inner_optimizer\.lr=0"):
        InnerSGD(0)
