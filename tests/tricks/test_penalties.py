import copy

import pytest
import torch
from torch import nn

from lightning_gans import GAN, MMDGAN, WGAN, ConfigError
from lightning_gans.tricks import R1, R2
from tests.games import gan, points, same, state, train


def squared_slopes(network, x):
    """|grad D(x)|^2 of each sample by central differences, (N,)."""
    step = 1e-5
    moved = [(network(x + step * axis) - network(x - step * axis)) / (2 * step) for axis in torch.eye(2).double()]
    return torch.cat(moved, 1).square().sum(1)


def gradients(model, batch):
    """Of what the discriminator descends, by name of the weight."""
    model._randomness.seek(model.step, 0)
    weights = dict(model.discriminator.named_parameters())
    found = torch.autograd.grad(model.charged_discriminator_loss(batch), list(weights.values()))
    return dict(zip(weights, found, strict=True))


def hand_written(batch, *, real_weight=0.0, fake_weight=0.0, cls=GAN, step=0):
    """The same, of the plain loss and gamma / 2 times penalties written out."""
    model = gan(cls).double()
    model.step = step
    model._randomness.seek(step, 0)
    fake = model.generator(model.latent(batch)).detach()
    weights = dict(model.discriminator.named_parameters())
    total = sum(
        weight / 2 * squared_slopes(model.discriminator, x).mean()
        for weight, x in ((real_weight, batch), (fake_weight, fake))
    )
    model._randomness.seek(step, 0)
    found = torch.autograd.grad(model.discriminator_loss(batch) + total, list(weights.values()))
    return dict(zip(weights, found, strict=True))


@pytest.mark.parametrize("cls", [GAN, WGAN])
@pytest.mark.parametrize(
    ("tricks", "real_weight", "fake_weight"), [([R1(3.0)], 3, 0), ([R2(4.0)], 0, 4), ([R1(3.0), R2(4.0)], 3, 4)]
)
def test_gradients_are_those_of_half_gamma_times_the_penalty(cls, tricks, real_weight, fake_weight):
    x = points(8).double()
    found = gradients(gan(cls, tricks=tricks).double(), x)
    expected = hand_written(x, real_weight=real_weight, fake_weight=fake_weight, cls=cls)
    plain = hand_written(x, cls=cls)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-7)
    assert max((gradient - plain[name]).abs().max() for name, gradient in found.items()) > 1e-3


def test_lazily_it_counts_as_much_but_is_computed_seldom():
    x = points(8).double()
    for step in range(9):
        model = gan(tricks=[R1(3.0, every=4)]).double()
        model.step = step
        expected = hand_written(x, real_weight=0.0 if (step + 1) % 4 else 4 * 3.0, step=step)
        for name, gradient in gradients(model, x).items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-7)


def test_the_generator_is_charged_nothing():
    x = points(8)
    losses = []
    for model in (gan(), gan(tricks=[R1(), R2()])):
        model._randomness.seek(0, 1)
        losses.append(model.generator_loss(x))
    assert torch.equal(*losses)


def test_penalties_are_logged_and_no_weight_is_no_penalty():
    metrics = train(gan(tricks=[R1(), R2()]), 5).callback_metrics
    assert metrics["penalty/r1"] > 0
    assert metrics["penalty/r2"] > 0
    assert metrics["penalty/r1"] != metrics["penalty/r2"]
    free, plain = gan(tricks=[R1(gamma=0.0), R2(gamma=0.0)]), gan()
    train(free, 5)
    train(plain, 5)
    assert same(state(free), state(plain))


@pytest.mark.parametrize("trick", [R1, R2])
def test_what_does_not_fit_is_refused_in_one_line(trick):
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ConfigError, match="BatchNorm1d at '1'"):
        GAN(nn.Linear(3, 2), critic, latent_dim=3, tricks=[trick()])
    with pytest.raises(ConfigError, match="MMDGAN has a penalty of its own"):
        gan(MMDGAN, tricks=[trick()])
    with pytest.raises(ConfigError, match="gamma=-1"):
        trick(gamma=-1)
    with pytest.raises(ConfigError, match="every=0"):
        trick(every=0)


def test_a_game_that_was_charged_can_be_copied():
    model = gan(tricks=[R1()])
    train(model, 2)
    assert same(state(copy.deepcopy(model)), state(model))
