import pytest
import torch
from torch import nn

from lightning_gans import WGANGP, ConfigError
from lightning_gans.batch import Batch
from tests.games import gan, points, train


def test_losses_follow_the_equation():
    """Against a computation by hand, with the penalty's gradient by finite differences."""
    model, x = gan(WGANGP, gp_weight=7.0).double(), points(8).double()
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(Batch(x))).detach()
    alpha = model.rand(torch.rand, 8).double()[:, None]
    between, step = alpha * x + (1 - alpha) * fake, 1e-6
    slopes = [
        (model.discriminator(between + step * axis) - model.discriminator(between - step * axis)) / (2 * step)
        for axis in torch.eye(2, dtype=torch.float64)
    ]
    penalty = ((torch.cat(slopes, 1).norm(dim=1) - 1) ** 2).mean()
    expected = model.discriminator(fake).mean() - model.discriminator(x).mean() + 7 * penalty
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), expected, rtol=1e-5, atol=1e-6)


def test_drift_is_the_mean_square_of_real_logits():
    batch, losses = Batch(points(8)), []
    for weight in (0.0, 2.0):
        model = gan(WGANGP, drift_weight=weight)
        model._rng.seek(0, 0)
        losses.append(model.discriminator_loss(batch))
    drift = 2 * model.discriminator(batch.image).square().mean()
    torch.testing.assert_close(losses[1] - losses[0], drift, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_critic_learns_the_distance_between_shifted_points():
    """W1 between a distribution and its shift by v is |v|; the optimal critic is linear with slope 1 along v."""

    class Shift(nn.Module):
        latent_dim = 2

        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))

        def forward(self, z):
            return z + self.shift

    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.02}}
    model = WGANGP(Shift(), nn.Linear(2, 1, bias=False), optimization={"n_critic": 1000, "discriminator": adam})
    data = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -4.0])
    trainer = train(model, 200, data=data, batch_size=512)
    weight = model.discriminator.weight.detach()[0]
    torch.testing.assert_close(weight / weight.norm(), torch.tensor([0.6, -0.8]), atol=0.02, rtol=0)
    # The best linear critic has slope 1 + |v| / (2 lambda): the penalty is soft.
    assert float(weight.norm()) == pytest.approx(1 + 5 / 20, rel=0.02)
    assert float(trainer.callback_metrics["penalty/gradient"]) == pytest.approx(0.25**2, rel=0.1)


def test_batch_norm_is_refused():
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ConfigError, match=r"BatchNorm1d at '1'"):
        WGANGP(nn.Linear(3, 2), critic, latent_dim=3)
