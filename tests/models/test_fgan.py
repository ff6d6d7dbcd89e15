import pytest
import torch
from torch import nn

from lightning_gans import FGAN, GAN, MinimaxGAN, SaddlePointFGAN
from lightning_gans.batch import Batch
from lightning_gans.engine import Prior
from lightning_gans.objectives.divergences import (
    KL,
    Alpha,
    GANDivergence,
    Gaussian,
    JensenShannon,
    NeymanChi2,
    PearsonChi2,
    ReverseKL,
    SquaredHellinger,
    TotalVariation,
)
from tests.cases import few
from tests.games import gan, points, train


def losses_of(model, batch):
    model._rng.seek(0, 0)
    discriminator = model.discriminator_loss(batch)
    model._rng.seek(0, 0)
    return discriminator, model.generator_loss(batch)


@pytest.mark.parametrize("divergence", [KL(), ReverseKL(), PearsonChi2(), JensenShannon(), Alpha(2.0)])
def test_losses_follow_the_equations(divergence):
    model, x = gan(FGAN, divergence=divergence), points(64)
    batch = Batch(x)
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(batch))
    real_t, fake_t = (divergence.activation(model.discriminator(each)) for each in (x, fake))
    discriminator, generator = losses_of(model, batch)
    torch.testing.assert_close(discriminator, -real_t.mean() + divergence.conjugate(fake_t).mean())
    torch.testing.assert_close(generator, -fake_t.mean())
    saddle = gan(SaddlePointFGAN, divergence=divergence)
    torch.testing.assert_close(losses_of(saddle, batch)[1], -divergence.conjugate(fake_t).mean())


def test_with_its_divergence_it_is_the_original_gan():
    x = Batch(points(64))
    for ours, original in ((FGAN, GAN), (SaddlePointFGAN, MinimaxGAN)):
        for mine, theirs in zip(
            losses_of(gan(ours, divergence=GANDivergence()), x), losses_of(gan(original), x), strict=True
        ):
            torch.testing.assert_close(mine, theirs)


def test_the_bound_is_logged():
    model = gan(FGAN, divergence=KL())
    metrics = train(model, 5).callback_metrics
    assert float(metrics["divergence"]) == pytest.approx(-float(metrics["loss/discriminator"]))


class Quantiles(Prior):
    """Evenly spread instead of drawn: means over a batch are integrals, nearly."""

    def __call__(self, *size, generator, device):
        return quantiles(size[0])[:, None]

    def truncate(self, bound):
        raise NotImplementedError


def quantiles(n):
    return torch.special.ndtri((torch.arange(n) + 0.5) / n)


class Affine(nn.Module):
    latent_dim = 1

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = nn.Parameter(torch.tensor(mean)), nn.Parameter(torch.tensor(std))

    def forward(self, z):
        return self.mean + self.std * z


WIDE, NARROW = Gaussian(0.0, 1.2), Gaussian(0.8, 0.8)  # the tails of one are where the other has no sample
CASES = [
    (KL(), NARROW, WIDE),
    (ReverseKL(), WIDE, NARROW),
    (PearsonChi2(), NARROW, WIDE),
    (NeymanChi2(), WIDE, NARROW),
    (SquaredHellinger(), NARROW, WIDE),
    (JensenShannon(), NARROW, WIDE),
    (GANDivergence(), NARROW, WIDE),
    (TotalVariation(), NARROW, WIDE),
    (Alpha(0.5), NARROW, WIDE),
    (Alpha(1.5), NARROW, WIDE),
]


@pytest.mark.parametrize(("divergence", "p", "q"), few(CASES, [CASES[0], CASES[6]]))
def test_the_bound_approaches_the_divergence_from_a_fixed_generator(divergence, p, q):
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(1, 16), nn.Softplus(), nn.Linear(16, 1))
    model = FGAN(Affine(q.mean, q.std), critic, divergence=divergence, prior=Quantiles())
    x = p.mean + p.std * quantiles(512)[:, None]
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.03)
    before = -float(model.discriminator_loss(Batch(x)).detach())
    for _ in range(250):
        optimizer.zero_grad()
        loss = model.discriminator_loss(Batch(x))
        loss.backward()
        optimizer.step()
    true = divergence.analytic(p, q)
    assert -float(loss.detach()) == pytest.approx(true, rel=0.04)
    assert before < 0.8 * true  # it was not there before
