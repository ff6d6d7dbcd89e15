import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import ConfigError, MinimaxGAN, UnrolledGAN
from lightning_gans.batch import Batch
from lightning_gans.engine import InnerSGD
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator
from lightning_gans.regularizers import R1, R2
from tests.games import SGD, gan, points, same, state, train


def by_hand(model, x, z, steps, step):
    """The loss of a generator that looks ahead, with D written out: leaky ReLU between two linear layers."""
    fake = model.generator(z)
    weights = [p.detach().clone().requires_grad_() for p in model.discriminator.parameters()]

    def f(w1, b1, w2, b2):
        real_logits, fake_logits = (F.leaky_relu(s @ w1.T + b1, 0.2) @ w2.T + b2 for s in (x, fake))
        return torch.sigmoid(real_logits).log().mean() + (1 - torch.sigmoid(fake_logits)).log().mean()

    for i in range(steps):
        grads = torch.autograd.grad(f(*weights), weights, create_graph=True)
        weights = step(weights, grads, i)
    return f(*weights)


def generator_loss(model, x):
    """As the engine takes it in step 0: the critic must know what is due."""
    model._rng.seek(0, 1)
    return model._loss(1, 0, Batch(x))


def gradient(loss, model):
    return torch.autograd.grad(loss, list(model.generator.parameters()))


def trained(**kwargs):
    """A model in the middle of a run, in double precision, with the state of its optimizers."""
    torch.set_default_dtype(torch.float64)
    try:
        model = gan(UnrolledGAN, **kwargs)
        train(model, 3, data=points().double(), precision="64-true")
    finally:
        torch.set_default_dtype(torch.float32)
    return model.double()


def test_gradient_equals_a_hand_written_unroll_by_gradient_ascent():
    model, x = trained(unroll_steps=3, inner_optimizer=InnerSGD(0.4)), points(16).double()
    model._rng.seek(0, 1)
    z = model.latent(Batch(x))
    expected = by_hand(model, x, z, 3, lambda ws, gs, _: [w + 0.4 * g for w, g in zip(ws, gs, strict=True)])
    loss = generator_loss(model, x)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient(loss, model), gradient(expected, model), rtol=1e-8, atol=1e-12)


def test_gradient_equals_a_hand_written_unroll_of_the_discriminator_s_adam():
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01, "betas": [0.5, 0.9]}}
    model, x = trained(unroll_steps=3, optimization={"discriminator": adam}), points(16).double()
    own = model.trainer.strategy.optimizers[0]
    m, v = ([own.state[p][key].clone() for p in model.discriminator.parameters()] for key in ("exp_avg", "exp_avg_sq"))

    def ascend(weights, grads, i):
        t = 3 + i + 1  # it has made three steps
        for j, g in enumerate(grads):
            m[j], v[j] = 0.5 * m[j] - 0.5 * g, 0.9 * v[j] + 0.1 * g**2
        hats = [(a / (1 - 0.5**t), b / (1 - 0.9**t)) for a, b in zip(m, v, strict=True)]
        return [w - 0.01 * a / (b.sqrt() + 1e-8) for w, (a, b) in zip(weights, hats, strict=True)]

    model._rng.seek(0, 1)
    expected = by_hand(model, x, model.latent(Batch(x)), 3, ascend)
    loss = generator_loss(model, x)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient(loss, model), gradient(expected, model), rtol=1e-8, atol=1e-12)


def test_no_steps_are_the_minimax_game():
    unrolled, plain = gan(UnrolledGAN, unroll_steps=0), gan(MinimaxGAN)
    train(unrolled, 12)
    train(plain, 12)
    assert same(state(unrolled), state(plain))


def test_the_first_update_of_the_discriminator_is_that_of_the_plain_game():
    """The generator's first update comes after it: one plain step, and nothing of the unrolled ones."""
    unrolled, plain = gan(UnrolledGAN, unroll_steps=5), gan(MinimaxGAN)
    train(unrolled, 1)
    train(plain, 1)
    assert same(state(unrolled.discriminator), state(plain.discriminator))
    assert not same(state(unrolled.generator), state(plain.generator))


@pytest.mark.parametrize("kwargs", [{}, {"batch_norm": False, "spectral_norm": True}])
def test_the_generator_s_update_leaves_the_discriminator_bit_for_bit(kwargs):
    torch.manual_seed(0)
    model = UnrolledGAN(DCGANGenerator(4, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4, **kwargs), unroll_steps=2)
    seen = []
    loss = model.generator_loss

    def watched(batch):
        seen.append(state(model.discriminator))
        value = loss(batch)
        assert all(torch.equal(seen[-1][name], now) for name, now in model.discriminator.state_dict().items())
        return value

    model.generator_loss = watched
    train(model, 4, data=torch.rand(64, 1, 8, 8) * 2 - 1, batch_size=16, precision="bf16-mixed")
    assert len(seen) == 4
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_what_regularizers_add_is_part_of_the_unrolled_steps():
    model, x = trained(unroll_steps=2, inner_optimizer=InnerSGD(0.4)), points(16).double()
    with_r1 = trained(unroll_steps=2, inner_optimizer=InnerSGD(0.4), regularizers=[R1(gamma=5.0)])
    with_r1.load_state_dict(model.state_dict())
    assert not torch.allclose(generator_loss(model, x), generator_loss(with_r1, x), rtol=1e-3)


@pytest.mark.parametrize("regularizer", [R1(gamma=5.0), R2(gamma=5.0)])
def test_gradient_through_penalties_equals_differences_of_the_loss(regularizer):
    """Of a smooth D: where it is linear in pieces, what R2 adds does not change with the samples."""
    model, x = trained(unroll_steps=2, inner_optimizer=InnerSGD(0.3), regularizers=[regularizer]), points(16).double()
    for name, module in model.discriminator.named_modules():
        if isinstance(module, nn.LeakyReLU):
            model.discriminator.set_submodule(name, nn.Tanh())
    weight = model.generator.layers[-1].weight

    def loss(step=0.0):
        with torch.no_grad():
            weight[0, 0] += step
        return generator_loss(model, x)

    (slope,) = torch.autograd.grad(loss(), weight)
    rise = loss(1e-5).item() - loss(-2e-5).item()
    assert rise / 2e-5 == pytest.approx(slope[0, 0].item(), rel=1e-6)


def test_its_loss_can_be_had_in_training_alone():
    model, batch = gan(UnrolledGAN), Batch(points(8))
    with pytest.raises(ConfigError, match="discriminator='no optimizer': this loss needs it"):
        model.generator_loss(batch)
    train(model, 1)
    with pytest.raises(ConfigError, match="critic='outside an update'"):
        model.generator_loss(batch)


def test_an_optimizer_that_cannot_be_unrolled_is_refused():
    rms = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 1e-3}}
    with pytest.raises(ConfigError, match=r"optimization\.discriminator='RMSprop'"):
        train(gan(UnrolledGAN, optimization={"discriminator": rms}), 1)
    train(gan(UnrolledGAN, optimization={"discriminator": rms, "generator": SGD}, inner_optimizer=InnerSGD(0.01)), 1)
