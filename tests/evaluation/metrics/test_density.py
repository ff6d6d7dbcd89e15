"""Likelihoods under a known density, and divergences of samples."""

import math

import pytest
import torch

from lightning_gans.data import Ring2D
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import (
    diluted_log_density,
    gaussian_mixture_log_density,
    kl_js_on_lattice,
)


def points(n, seed, std=1.0, mean=0.0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * std + mean


def test_the_log_density_is_torchs_also_where_the_density_underflows():
    means, places = points(5, 0), torch.cat([points(20, 1), torch.tensor([[200.0, -300.0]], dtype=torch.float64)])
    parts = torch.distributions.Independent(torch.distributions.Normal(means, 0.4 * torch.ones(5, 2)), 1)
    expected = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(5)), parts)
    found = gaussian_mixture_log_density(places, means, 0.4)
    assert torch.allclose(found, expected.log_prob(places), rtol=1e-6)
    assert -1e6 < float(found[-1]) < -1e5  # exp of it is 0


def test_99_percent_noise_cost_at_most_log_100():
    """Likelihood is not quality: the samples of the second model are nearly all noise."""
    data = Ring2D(std=0.05, num_samples=2000)
    places = data.train_dataset.points
    log_p, log_noise = data.log_density(places), gaussian_mixture_log_density(places, torch.zeros(1, 2), 100.0)
    loss = log_p - diluted_log_density(log_p, log_noise)
    assert (loss <= math.log(100) + 1e-12).all()
    assert float(loss.mean()) == pytest.approx(math.log(100), abs=0.01)  # the noise is too thin to help
    assert (log_p - log_noise).mean() > math.log(100)  # noise alone loses more than that


def test_a_diluted_density_is_a_density():
    x = torch.linspace(-60, 60, 20_001, dtype=torch.float64)[:, None]
    one = torch.zeros(1, 1)
    log_p, log_noise = gaussian_mixture_log_density(x, one, 0.5), gaussian_mixture_log_density(x, one + 1, 5.0)
    for share in (0.01, 0.7):
        total = torch.trapezoid(diluted_log_density(log_p, log_noise, share).exp(), x[:, 0])
        assert float(total) == pytest.approx(1)


def test_memorizing_maximizes_the_likelihood_of_what_it_has_seen():
    data = Ring2D(std=0.1, num_samples=60, batch_size=1)
    seen, held_out = data.train_dataset.points[:30], data.train_dataset.points[30:]
    scores = [
        [float(gaussian_mixture_log_density(places, seen, std).mean()) for places in (seen, held_out)]
        for std in (0.1, 0.01, 0.001)
    ]
    truth = float(data.log_density(seen).mean())
    assert scores[0][0] < scores[1][0] < scores[2][0]  # without bound
    assert scores[2][0] > truth
    assert scores[0][1] > scores[1][1] > scores[2][1]  # nor has the fall
    assert scores[2][1] < -50


def test_samples_of_gaussians_have_the_divergence_of_gaussians():
    real, fake = points(200_000, 0), points(200_000, 1, std=1.5)
    found = kl_js_on_lattice(real, fake, (0.0, 0.0), half=6.0, side=40)
    assert float(found.kl) == pytest.approx(2 * (math.log(1.5) + 1 / (2 * 1.5**2) - 0.5), rel=0.02)
    assert 0 < found.js < found.kl / 2
    swapped = kl_js_on_lattice(fake, real, (0.0, 0.0), half=6.0, side=40)
    assert float(swapped.js) == pytest.approx(float(found.js))  # symmetric; KL is not
    assert swapped.kl > 1.5 * found.kl


def test_js_stands_at_log_2_where_nothing_is_shared_and_kl_stays_finite():
    real = points(500, 0, std=0.05)
    for distance in (1.0, 2.0):
        found = kl_js_on_lattice(real, real + torch.tensor([distance, 0.0]), (1.0, 0.0), half=2.0)
        assert float(found.js) == pytest.approx(math.log(2))
        assert math.isfinite(found.kl)
    assert kl_js_on_lattice(real, real, (0.0, 0.0), half=1.0).js == 0
    assert kl_js_on_lattice(real, real, (0.0, 0.0), half=1.0).kl == 0


def test_what_lies_outside_is_a_cell_of_its_own():
    inside, outside = points(100, 0, std=0.1), points(100, 1, mean=50.0)
    assert float(kl_js_on_lattice(inside, outside, (0.0, 0.0), half=1.0).js) == pytest.approx(math.log(2))
    assert kl_js_on_lattice(outside, -outside, (0.0, 0.0), half=1.0).js == 0  # all it knows is: outside


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diluted_log_density(torch.zeros(1), torch.zeros(1), 0.0), "share=0"),
        (lambda: kl_js_on_lattice(points(2, 0), points(2, 0), (0.0, 0.0), half=0.0), "half=0"),
        (lambda: kl_js_on_lattice(points(2, 0)[:, :1], points(2, 0), (0.0, 0.0), half=1.0), "points of the plane"),
    ],
)
def test_impossible_measures_are_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
