"""Each divergence against what defines it: conjugates are suprema, bounds are tight at f'(p / q), integrals agree."""

import math

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.divergences import (
    KL,
    Alpha,
    Divergence,
    GANDivergence,
    Gaussian,
    JensenShannon,
    NeymanChi2,
    PearsonChi2,
    ReverseKL,
    SquaredHellinger,
    TotalVariation,
    integrated,
)

DIVERGENCES = [
    KL(),
    ReverseKL(),
    PearsonChi2(),
    NeymanChi2(),
    SquaredHellinger(),
    JensenShannon(),
    GANDivergence(),
    TotalVariation(),
    Alpha(-0.5),
    Alpha(0.5),
    Alpha(1.5),
    Alpha(3.0),
]
CLOSED = [d for d in DIVERGENCES if not isinstance(d, JensenShannon | GANDivergence)]
P, Q = Gaussian(0.7, 0.9), Gaussian(0.0, 1.1)


def name(divergence):
    return (
        f"{type(divergence).__name__}{getattr(divergence, 'alpha', '')}" if isinstance(divergence, Divergence) else ""
    )


every = pytest.mark.parametrize("divergence", DIVERGENCES, ids=name)


def values(low=-4.0, high=4.0, n=41):
    return torch.linspace(low, high, n, dtype=torch.float64)


def ratios():
    """A fine grid of u = p / q, evenly spaced in its logarithm, and 0 as nearly as f can be asked there."""
    return torch.linspace(-40, 20, 120_001, dtype=torch.float64).exp()


@every
def test_the_conjugate_is_the_supremum(divergence):
    u = ratios()
    t = divergence.activation(values())
    supremum = torch.stack([(u * each - divergence.f(u)).max() for each in t])
    torch.testing.assert_close(divergence.conjugate(t), supremum, rtol=1e-5, atol=1e-5)


@every
def test_the_conjugate_of_the_conjugate_is_f(divergence):
    """f is convex and closed, so that no bound is lost: sup_t t u - f*(t) = f(u), reached at t = f'(u)."""
    u = values(0.2, 6.0, 25)
    t = divergence.activation(values(-14.0, 40.0, 54_001))  # all of f*'s domain that counts
    conjugate = divergence.conjugate(t)
    supremum = torch.stack([(t * each - conjugate).nan_to_num(-torch.inf, -torch.inf, -torch.inf).max() for each in u])
    assert torch.allclose(supremum, divergence.f(u), atol=2e-5)


def test_jensen_shannon_is_symmetric_and_its_root_a_metric():
    """Endres and Schindelin 2003; KL is neither."""
    p, q, r = torch.randn(3, 200, 5, generator=torch.Generator().manual_seed(0)).double().mul(2).softmax(2)

    def root(a, b):
        return (b * JensenShannon().f(a / b)).sum(1).sqrt()

    assert torch.allclose(root(p, q), root(q, p))
    assert (root(p, r) <= root(p, q) + root(q, r) + 1e-12).all()
    kl = [(b * KL().f(a / b)).sum(1) for a, b in ((p, q), (q, p), (p, r), (q, r))]
    assert not torch.allclose(kl[0], kl[1])
    assert (kl[2].sqrt() > kl[0].sqrt() + kl[3].sqrt()).any()


@every
def test_the_activation_increases_into_the_domain_and_goes_well_with_the_conjugate(divergence):
    v = values(-15, 15)
    t = divergence.activation(v)
    assert (t.diff() > 0).all()
    assert torch.isfinite(divergence.conjugate(t)).all()
    torch.testing.assert_close(divergence.conjugate_of_activation(v), divergence.conjugate(t), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("divergence", "best"),
    [
        (KL(), lambda u: 1 + u.log()),
        (ReverseKL(), lambda u: -1 / u),
        (PearsonChi2(), lambda u: 2 * (u - 1)),
        (NeymanChi2(), lambda u: 1 - u**-2),
        (SquaredHellinger(), lambda u: 1 - u.rsqrt()),
        (JensenShannon(), lambda u: (2 * u / (u + 1)).log()),
        (GANDivergence(), lambda u: (u / (u + 1)).log()),
        (TotalVariation(), lambda u: (u - 1).sign() / 2),
        *((Alpha(a), lambda u, a=a: (u ** (a - 1) - 1) / (a - 1)) for a in (-0.5, 0.5, 1.5, 3.0)),
    ],
    ids=name,
)
def test_the_best_critic_is_the_derivative_of_f(divergence, best):
    u = torch.tensor([0.1, 0.5, 0.9, 1.2, 3.0, 10.0], dtype=torch.float64)
    torch.testing.assert_close(divergence.optimal_critic(u), best(u))


@every
def test_the_bound_of_the_best_critic_is_the_divergence(divergence):
    """Equation 4 is an equality for T* = f'(p / q), and strict for any other T."""
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    log_p, log_q = P.log_density(x), Q.log_density(x)

    def bound(critic):
        return float(torch.trapezoid(log_p.exp() * critic - log_q.exp() * divergence.conjugate(critic), x))

    best = divergence.optimal_critic((log_p - log_q).exp())
    assert bound(best) == pytest.approx(divergence.analytic(P, Q), rel=1e-5, abs=1e-7)
    assert bound(best.clamp(max=float(best.quantile(0.3)))) < divergence.analytic(P, Q) - 1e-3


@pytest.mark.parametrize("divergence", CLOSED, ids=name)
def test_closed_forms_equal_the_integral(divergence):
    for p, q in [(P, Q), (Gaussian(-1.0, 0.8), Gaussian(0.5, 0.8)), (Gaussian(2.0, 1.0), Gaussian(2.0, 1.0))]:
        assert divergence.analytic(p, q) == pytest.approx(integrated(divergence, p, q), rel=1e-5, abs=1e-6)


@every
def test_equal_distributions_are_at_distance_f_of_1(divergence):
    assert divergence.analytic(P, P) == pytest.approx(float(divergence.f(torch.ones(()))), abs=1e-6)


def test_what_they_have_to_do_with_each_other():
    kl, reverse = KL().analytic(P, Q), ReverseKL().analytic(P, Q)
    assert Alpha(1 + 1e-6).analytic(P, Q) == pytest.approx(kl, rel=1e-4)
    assert Alpha(1e-6).analytic(P, Q) == pytest.approx(reverse, rel=1e-4)
    assert KL().analytic(Q, P) == pytest.approx(reverse)
    assert Alpha(2).analytic(P, Q) == pytest.approx(PearsonChi2().analytic(P, Q) / 2)
    assert Alpha(-1).analytic(P, Q) == pytest.approx(NeymanChi2().analytic(P, Q) / 2)
    assert Alpha(0.5).analytic(P, Q) == pytest.approx(2 * SquaredHellinger().analytic(P, Q))
    assert GANDivergence().analytic(P, Q) == pytest.approx(JensenShannon().analytic(P, Q) - 2 * math.log(2))
    assert PearsonChi2().analytic(P, Q) == pytest.approx(NeymanChi2().analytic(Q, P))


def test_far_apart_the_bounded_ones_reach_their_bounds():
    far = (Gaussian(0.0, 1.0), Gaussian(60.0, 0.5))
    assert JensenShannon().analytic(*far) == pytest.approx(2 * math.log(2), rel=1e-4)
    assert SquaredHellinger().analytic(*far) == pytest.approx(2)
    assert TotalVariation().analytic(*far) == pytest.approx(1, rel=1e-4)


def test_chi_squared_is_infinite_where_its_integral_is():
    assert PearsonChi2().analytic(Gaussian(0, 2), Gaussian(0, 1)) == math.inf
    assert NeymanChi2().analytic(Gaussian(0, 1), Gaussian(0, 2)) == math.inf


@every
def test_sure_critics_lose_no_digits_in_single_precision(divergence: Divergence):
    v = torch.tensor([-20.0, -10.0, 10.0, 20.0])
    for of in (divergence.activation, divergence.conjugate_of_activation):
        assert torch.isfinite(of(v)).all()
        torch.testing.assert_close(of(v).double(), of(v.double()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0, 1])
def test_alpha_has_two_holes(alpha):
    with pytest.raises(ConfigError, match=f"alpha={alpha}"):
        Alpha(alpha)
