import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import R3GAN, ConfigError
from lightning_gans.schedule import Ramp
from tests.games import BOTH_SGD, gan, loss_of, points, train


def slopes(network, x):
    """The squared gradient of each sample's logit, by central differences in double precision: (N,)."""
    step = 1e-5
    moved = [(network(x + step * axis) - network(x - step * axis)) / (2 * step) for axis in torch.eye(2).double()]
    return torch.cat(moved, 1).square().sum(1)


def test_losses_follow_the_formula():
    model, x = gan(R3GAN, gamma=0.7).double(), points(8).double()
    d_loss, g_loss = (loss_of(model, player, x) for player in ("discriminator", "generator"))
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(model.prepare(x))).detach()
    real_logits, fake_logits = model.discriminator(x), model.discriminator(fake)
    penalties = slopes(model.discriminator, x).mean() + slopes(model.discriminator, fake).mean()
    expected = torch.log1p(torch.exp(-(real_logits - fake_logits))).mean() + 0.7 / 2 * penalties
    torch.testing.assert_close(d_loss, expected, rtol=1e-5, atol=1e-6)
    model._rng.seek(0, 1)
    fake_logits = model.discriminator(model.generator(model.latent(model.prepare(x))))
    torch.testing.assert_close(g_loss, F.softplus(real_logits - fake_logits).mean())


def test_only_differences_count_and_pairs_are_kept():
    """A constant added to D changes no loss, which is no such thing in the original game; other pairs do."""
    model, x = gan(R3GAN, gamma=0.0), points(64)

    def losses(batch):
        return torch.stack([loss_of(model, player, batch) for player in ("discriminator", "generator")])

    before = losses(x)
    with torch.no_grad():
        model.discriminator.out.bias.add_(5.0)
    torch.testing.assert_close(losses(x), before)
    assert (losses(x.flip(0)) - before).abs().max() > 1e-5


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match=r"gamma=-0\.1"):
        gan(R3GAN, gamma=Ramp(1.0, -0.1))
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ConfigError, match="BatchNorm1d at '1'"):
        R3GAN(nn.Linear(3, 2), critic, latent_dim=3)


def test_separate_batches_show_each_image_to_one_player():
    model, x = gan(R3GAN, gamma=0.3, separate_batches=True), points(8)
    players = ("discriminator", "generator")

    def changed(rows):
        other = x.clone()
        other[rows] += 1
        return [not torch.equal(loss_of(model, player, other), loss_of(model, player, x)) for player in players]

    assert changed(slice(0, None, 2)) == [True, False]
    assert changed(slice(1, None, 2)) == [False, True]


def test_micro_batches_divide_into_the_same_separate_batches():
    weights = []
    for parts in (1, 2):
        model = gan(R3GAN, gamma=0.3, separate_batches=True, optimization={**BOTH_SGD, "micro_batches": parts}).double()
        train(model, 2, data=points(64).double(), precision="64-true")
        weights.append(model.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=1e-12)


def test_one_image_does_not_divide():
    with pytest.raises(ConfigError, match=r"data\.batch_size=1: separate_batches needs two"):
        loss_of(gan(R3GAN, separate_batches=True), "generator", points(1))
