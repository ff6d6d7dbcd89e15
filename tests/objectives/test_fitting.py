"""One Gaussian for two modes: what each divergence makes of them."""

import math

import pytest
import torch

from lightning_gans.evaluation.metrics.functional import gaussian_mixture_log_density
from lightning_gans.objectives import KL, JensenShannon, NeymanChi2, PearsonChi2, ReverseKL, SquaredHellinger
from lightning_gans.objectives.divergences import Gaussian, integrated
from lightning_gans.objectives.fitting import fit_gaussian

X = torch.linspace(-20, 20, 2001, dtype=torch.float64)


def two_modes(x, distance=3.0, std=0.6):
    return gaussian_mixture_log_density(x[:, None], torch.tensor([[-distance], [distance]]), std)


def fit(divergence):
    return fit_gaussian(divergence, two_modes, X, [Gaussian(0.1, 2.0), Gaussian(3.0, 0.6)])


def test_kl_covers_with_the_moments_of_p():
    found = fit(KL())
    assert found.gaussian == pytest.approx((0.0, math.sqrt(3.0**2 + 0.6**2)), abs=1e-3)


def test_reverse_kl_keeps_to_one_mode_and_pays_log_2_for_the_other():
    found = fit(ReverseKL())
    assert found.gaussian == pytest.approx((3.0, 0.6), abs=1e-3)
    assert found.divergence == pytest.approx(math.log(2), abs=1e-5)


def test_between_them_the_divergences_are_in_the_order_in_which_they_punish_a_lost_mode():
    deviations = [fit(kind).gaussian.std for kind in (PearsonChi2(), KL(), SquaredHellinger(), NeymanChi2())]
    assert deviations == sorted(deviations, reverse=True)
    assert deviations[1] > 3
    assert deviations[2] < 0.7


def test_jensen_shannon_covers_modes_that_are_near_and_drops_one_of_those_that_are_far():
    starts = [Gaussian(0.1, 2.0), Gaussian(3.0, 0.6)]
    deviations = [
        fit_gaussian(JensenShannon(), lambda x, far=far: two_modes(x, far), X, starts).gaussian.std for far in (2, 3)
    ]
    assert deviations[0] > 2
    assert deviations[1] < 0.7


@pytest.mark.parametrize("divergence", [KL(), ReverseKL(), JensenShannon()])
def test_a_gaussian_is_fitted_by_itself(divergence):
    p = Gaussian(1.5, 0.7)
    found = fit_gaussian(divergence, p.log_density, X, [Gaussian(0.0, 1.0)])
    assert found.gaussian == pytest.approx((1.5, 0.7), abs=2e-3)
    assert found.divergence == pytest.approx(0, abs=1e-6)


def test_the_minimum_of_several_starts_is_the_lowest():
    alone = [fit_gaussian(ReverseKL(), two_modes, X, [start]) for start in (Gaussian(0.0, 4.0), Gaussian(3.0, 0.6))]
    assert alone[0].divergence > alone[1].divergence
    assert fit(ReverseKL()).divergence == pytest.approx(alone[1].divergence, abs=1e-6)


def test_the_value_is_the_divergence():
    p = Gaussian(0.0, 1.0)
    found = fit_gaussian(KL(), p.log_density, X, [Gaussian(0.4, 1.4)])
    assert found.divergence == pytest.approx(integrated(KL(), p, found.gaussian), abs=1e-9)
