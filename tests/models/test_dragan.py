import pytest
import torch
from torch import nn

from lightning_gans import DRAGAN, GAN, ConfigError
from lightning_gans.batch import Batch
from tests.games import gan, points, train


def test_losses_follow_the_equation():
    """Against a computation by hand, with the penalty's gradient by finite differences."""
    model, x = gan(DRAGAN, gp_weight=7.0, noise_scale=0.3).double(), points(8).double()
    original = gan(GAN).double()
    for each in (model, original):
        each._rng.seek(0, 0)
    plain = original.discriminator_loss(Batch(x))
    model.latent(Batch(x))  # the first draw
    noise, alpha = model.rand(torch.rand, 8, 2).double(), model.rand(torch.rand, 8).double()
    near, step = x + (1 - alpha[:, None]) * 0.3 * x.std() * noise, 1e-5
    moved = [
        (model.discriminator(near + step * axis) - model.discriminator(near - step * axis)) / (2 * step)
        for axis in torch.eye(2).double()
    ]
    penalty = ((torch.cat(moved, 1).norm(dim=1) - 1) ** 2).mean()
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), plain + 7 * penalty, rtol=1e-5, atol=1e-6)
    for each in (model, original):
        each._rng.seek(0, 0)
    assert torch.equal(model.generator_loss(Batch(x)), original.generator_loss(Batch(x)))


def test_the_discriminator_is_only_looked_at_near_the_data():
    """Where the penalty asks for a slope: within c standard deviations above a real sample, in every pixel."""
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            seen.append(x.detach())
            return super().forward(x)

    model = DRAGAN(nn.Linear(3, 2), Watched(2, 1), latent_dim=3, noise_scale=0.2)
    x = points(64)
    model.discriminator_loss(Batch(x))
    *_, near = seen
    offset = (near - x) / x.std()
    assert offset.min() >= 0
    assert 0.15 < offset.max() < 0.2


def test_the_penalty_drives_the_slope_to_one():
    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}}
    critic = nn.Linear(2, 1)
    nn.init.constant_(critic.weight, 3.0)
    still = {"n_critic": 1000, "discriminator": sgd}
    model = DRAGAN(nn.Linear(3, 2), critic, latent_dim=3, gp_weight=10.0, optimization=still)
    metrics = train(model, 50).callback_metrics
    assert float(metrics["penalty/gradient"]) < 0.02
    assert float(critic.weight.detach().norm()) == pytest.approx(1, abs=0.15)


def test_batch_norm_is_refused():
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ConfigError, match="BatchNorm1d at '1'"):
        DRAGAN(nn.Linear(3, 2), critic, latent_dim=3)
