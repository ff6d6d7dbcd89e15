"""Against the reference implementations and against closed forms."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from lightning_gans.evaluation.metrics.functional import (
    PairwisePass,
    ReferenceStatistics,
    authenticity,
    class_coverage,
    density_coverage,
    frechet_distance,
    frechet_distance_from_moments,
    frechet_distance_infinity,
    inception_score,
    maximum_mean_discrepancy,
    maximum_mean_discrepancy_subsets,
    mmd_permutation_test,
    mode_coverage,
    mode_spread,
    nearest_real_distance,
    one_nn_accuracy,
    precision_recall,
    vendi_score,
)
from lightning_gans.evaluation.metrics.kernels import (
    GaussianKernel,
    Kernel,
    LinearKernel,
    MedianGaussianKernel,
    PolynomialKernel,
)
from tests.cases import few

SIZES = [(600, 500, 64), (300, 320, 512), (257, 300, 2)]


def draw(n, m, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator) / d**0.5
    real = torch.randn(n, d, generator=generator) @ mix
    return real, torch.randn(m, d, generator=generator) @ mix * 0.95 + 0.05


def near(value, expected, rel=1e-6):
    return float(value) == pytest.approx(float(expected), rel=rel)


@pytest.mark.parametrize("size", SIZES)
def test_frechet_is_that_of_torch_fidelity(size):
    real, fake = draw(*size)
    moments = [fid_features_to_statistics(side) for side in (fake, real)]
    expected = fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"]
    # below full rank torch-fidelity's own eigenvalues lose digits
    assert near(frechet_distance(real, fake), expected, 1e-6 if min(size[:2]) > size[2] else 1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("splits", [1, 7, 10])
def test_inception_score_is_that_of_torch_fidelity(size, splits):
    logits = draw(*size)[0]
    for shuffle, seed in ((True, 2020), (False, None)):
        expected = isc_features_to_metric(logits, splits, shuffle, 2020)
        mean, std = inception_score(logits, splits, seed)
        assert near(mean, expected["inception_score_mean"])
        assert float(std) == pytest.approx(expected["inception_score_std"], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_kid_is_that_of_torch_fidelity(size):
    real, fake = draw(*size)
    expected = kid_features_to_metric(
        fake.double(), real.double(), kid_subsets=4, kid_subset_size=200, rng_seed=2020, verbose=False,
        kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
    )  # fmt: skip
    mean, std = maximum_mean_discrepancy_subsets(real, fake, subsets=4, subset_size=200)
    assert near(mean, expected["kernel_inception_distance_mean"])
    assert near(std, expected["kernel_inception_distance_std"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile_size", few([33, 256, 1024], [33]))
def test_nearest_neighbor_metrics_are_those_of_the_references_at_any_tile_size(size, tile_size):
    real, fake = draw(*size)
    # given float64, so that the references' rounding decides no comparison
    expected = prc_features_to_metric(
        fake.double(), real.double(), prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=True, verbose=False
    )
    known = ReferenceStatistics(real, tile_size=tile_size)
    precision, recall = precision_recall(known, fake)
    assert near(precision, expected["precision"])
    assert near(recall, expected["recall"])
    with contextlib.redirect_stdout(io.StringIO()):
        expected = compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=5)
    density, coverage = density_coverage(known, fake)
    assert near(density, expected["density"])
    assert near(coverage, expected["coverage"])
    strict = precision_recall(known, fake, k=5, strict=True)
    assert [near(*pair) for pair in zip(strict, (expected["precision"], expected["recall"]), strict=True)] == [True] * 2


class Cosine(Kernel):
    """A kernel of a user's own, that needs inner products and norms about the true origin."""

    def from_inner(self, inner, x_squared, y_squared, dim):
        return inner / (x_squared[:, None] * y_squared).sqrt()


@pytest.mark.parametrize(
    "kernel", [Cosine(), PolynomialKernel(), LinearKernel(), GaussianKernel([1.0, 3.0]), MedianGaussianKernel()]
)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("tile_size", [50, 1024])
def test_mmd_is_its_definition(kernel, biased, tile_size):
    real, fake = (side.double() for side in draw(120, 90, 5))
    k = kernel.fit(real)
    xx, yy, xy = k(real, real), k(fake, fake), k(real, fake)
    if biased:
        expected = xx.mean() + yy.mean() - 2 * xy.mean()
    else:
        expected = (xx.sum() - xx.trace()) / (120 * 119) + (yy.sum() - yy.trace()) / (90 * 89) - 2 * xy.mean()
    for dtype, precision in ((torch.float32, 1e-5), (torch.float64, 1e-9)):
        known = ReferenceStatistics(real.to(dtype), tile_size=tile_size)
        assert near(maximum_mean_discrepancy(known, fake.to(dtype), kernel, biased), expected, precision)


def test_frechet_of_gaussians_with_exact_moments():
    generator = torch.Generator().manual_seed(0)
    mean1, mean2 = torch.randn(2, 40, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64)).Q
    a, b = torch.rand(2, 40, generator=generator, dtype=torch.float64) * 10
    cov1, cov2 = (rotation * values @ rotation.T for values in (a, b))
    expected = (mean1 - mean2).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert near(frechet_distance_from_moments(mean1, cov1, mean2, cov2), expected, 1e-9)
    assert near(frechet_distance_from_moments(mean2, cov2, mean1, cov1), expected, 1e-9)
    assert abs(frechet_distance_from_moments(mean1, cov1, mean1, cov1)) < 1e-9


@pytest.mark.parametrize("rank", [1, 5])
def test_frechet_of_degenerate_gaussians(rank):
    basis = torch.linalg.qr(torch.randn(30, rank, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    flat, zero = basis @ basis.T, torch.zeros(30, dtype=torch.float64)
    identity = torch.eye(30, dtype=torch.float64)
    expected = 30 + rank - 2 * rank  # the root of a projection is the projection
    for one, other in ((identity, flat), (flat, identity)):
        assert near(frechet_distance_from_moments(zero, one, zero, other), expected, 1e-9)
    assert near(frechet_distance_from_moments(zero, flat * 0, zero, identity), 30, 1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 120), (100, 700), (700, 100), (700, 600)])
def test_frechet_from_samples_and_from_their_moments_agree(n, m):
    real, fake = (side.double() for side in draw(n, m, 256))
    moments = [part for side in (real, fake) for part in (side.mean(0), side.T.cov())]
    assert near(frechet_distance(real, fake), frechet_distance_from_moments(*moments), 1e-7)


def test_gaussian_mmd_of_two_gaussians():
    dim, s, shift = 2, 1.5, 3.0
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 4000, dim, generator=generator, dtype=torch.float64)
    y = y + torch.tensor([shift, 0.0])
    scale = (s**2 / (s**2 + 2)) ** (dim / 2)
    expected = 2 * scale * (1 - math.exp(-(shift**2) / (2 * (s**2 + 2))))
    assert near(maximum_mean_discrepancy(x, y, GaussianKernel(s)), expected, 0.03)  # 3 standard errors


def test_linear_mmd_is_the_distance_of_the_means():
    x, y = draw(50, 60, 7)
    expected = (x.double().mean(0) - y.double().mean(0)).square().sum()
    assert near(maximum_mean_discrepancy(x, y, LinearKernel(), biased=True), expected, 1e-9)


def test_perfect_mixture_sampler():
    generator = torch.Generator().manual_seed(0)
    means = torch.cartesian_prod(torch.arange(-4.0, 5, 2), torch.arange(-4.0, 5, 2))
    chosen = torch.arange(100_000) % 25
    result = mode_coverage(means[chosen] + 0.05 * torch.randn(100_000, 2, generator=generator), means, 0.05)
    assert result.modes == 25
    assert abs(result.high_quality - (1 - math.exp(-4.5))) < 3 * (0.0111 * 0.9889 / 100_000) ** 0.5
    assert 0 <= result.reverse_kl < 1e-4
    assert 0 <= result.jsd < 1e-4
    one = mode_coverage(means[:1].expand(10, 2), means, 0.05)
    assert [near(*pair, 1e-9) for pair in zip(one[:3], (1, 1, math.log(25)), strict=True)] == [True] * 3
    q = np.eye(25)[0]
    middle = (q + 1 / 25) / 2
    jsd = (math.log(1 / middle[0]) + (np.log(1 / 25 / middle) / 25).sum()) / 2
    assert near(one.jsd, jsd, 1e-9)


@pytest.mark.parametrize(("dim", "threshold"), [(1, 3.0), (2, 3.0), (2, 1.5), (5, 2.0)])
def test_spread_is_the_standard_deviation_within_modes(dim, threshold):
    generator = torch.Generator().manual_seed(0)
    means = 100 * torch.eye(dim + 1)[:, :dim]
    chosen = torch.arange(100_000) % len(means)
    std = torch.arange(1.0, dim + 2)
    noise = std[chosen, None] * torch.randn(100_000, dim, generator=generator)
    assert abs(mode_spread(means[chosen] + noise, means, std, threshold) - 1) < 0.005
    # far narrower samples are hardly cut off at the threshold: in the ratio of the untruncated deviation
    narrow = mode_spread(means[chosen] + noise / 10, means, std, threshold)
    norms = torch.randn(200_000, dim, generator=generator).square().sum(1)
    assert abs(narrow - 0.1 * (dim / norms[norms <= threshold**2].mean()) ** 0.5) < 0.002
    assert mode_spread(means, means, std, threshold) == 0


def test_no_sample_of_quality_has_no_divergence():
    result = mode_coverage(torch.full((5, 2), 9.0), torch.zeros(1, 2), 0.1)
    assert result.modes == result.high_quality == 0
    assert result.reverse_kl.isnan()
    assert mode_spread(torch.full((5, 2), 9.0), torch.zeros(1, 2), 0.1).isnan()
    assert result.jsd.isnan()


def test_class_coverage():
    result = class_coverage(torch.tensor([0, 0, 1, 1]), 4)
    assert result.modes == 2
    assert near(result.reverse_kl, math.log(2))


def test_one_nn_accuracy_and_authenticity_by_brute_force():
    real, fake = (side.double() for side in draw(150, 130, 4))
    rr, ff, rf = torch.cdist(real, real), torch.cdist(fake, fake), torch.cdist(real, fake)
    own = [side.fill_diagonal_(torch.inf).min(1).values for side in (rr, ff)]
    expected = [(own[0] < rf.min(1).values).double(), (own[1] < rf.min(0).values).double()]
    result = one_nn_accuracy(ReferenceStatistics(real, tile_size=64), fake)
    assert result == (expected[0].mean(), expected[1].mean(), torch.cat(expected).mean())
    distance, index = nearest_real_distance(real, fake)
    assert torch.equal(index, rf.argmin(0))
    assert torch.allclose(distance, rf.min(0).values)
    assert authenticity(real, fake) == (rf.min(0).values > own[0][rf.argmin(0)]).double().mean()


def test_collapse_shows_in_one_part_of_the_1_nn_test():
    real, _ = draw(200, 10, 2)
    result = one_nn_accuracy(real, real[:1] + 1e-4 * draw(200, 10, 2, seed=1)[0])
    assert result.real > 0.95
    assert result.fake > 0.95
    copies = real + 1e-6
    assert one_nn_accuracy(real, copies).pooled == 0
    assert authenticity(real, copies) == 0


def test_frechet_infinity_removes_the_bias():
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(n, 16, generator=generator) for n in (50_000, 2_000))
    real = ReferenceStatistics.from_features(real, moments=True)
    value, error = frechet_distance_infinity(real, fake)
    assert frechet_distance(real, fake) > 0.04
    assert abs(value) < 0.02
    assert 0 < error < 0.02
    assert value == frechet_distance_infinity(real, fake).value


def test_vendi_score():
    assert near(vendi_score(torch.eye(5)), 5)
    assert near(vendi_score(torch.ones(5, 3)), 1)
    features = draw(60, 10, 8)[0].double()
    unit = torch.nn.functional.normalize(features)
    values = torch.linalg.eigvalsh(unit @ unit.T / 60).clamp_min(1e-300)
    assert near(vendi_score(features), (-(values * values.log()).sum()).exp())
    assert near(vendi_score(features, GaussianKernel(1e-3)), 60)
    assert 1 < vendi_score(features, PolynomialKernel()) < 60


def test_permutation_test_keeps_its_level_and_gains_power():
    kernel, trials, rejected, powerful = GaussianKernel(1.0), 200, 0, [0, 0]
    for trial in range(trials):
        generator = torch.Generator().manual_seed(trial)
        x, y = torch.randn(30, 2, generator=generator), torch.randn(25, 2, generator=generator)
        rejected += mmd_permutation_test(x, y, kernel, permutations=99, seed=trial).p_value <= 0.05
        if trial < 40:
            for which, shift in enumerate((0.3, 1.0)):
                powerful[which] += mmd_permutation_test(x, y + shift, kernel, 99, seed=trial).p_value <= 0.05
    assert 2 <= rejected <= 19  # 10 expected; outside 3 standard deviations of the binomial in 1 of 400 runs
    assert rejected / trials < powerful[0] / 40 < powerful[1] / 40
    assert powerful[1] >= 36


def test_permutation_test_reports_the_unbiased_estimate_at_any_tile_size():
    x, y = draw(70, 60, 6)
    for tile_size in (16, 1024):
        squared, p_value = mmd_permutation_test(ReferenceStatistics(x, tile_size=tile_size), y, permutations=19)
        assert near(squared, maximum_mean_discrepancy(x, y), 1e-9)
        assert 0 < p_value <= 1


def test_one_pass_gives_what_the_functions_give():
    real, fake = draw(300, 200, 20)
    kernels = (PolynomialKernel(), MedianGaussianKernel([0.5, 1.0]))
    side = ReferenceStatistics(real, tile_size=128)
    both = PairwisePass(side, fake, real_balls=(3, 5), fake_balls=(3,), nearest=True, kernels=kernels)
    assert both.precision_recall(3) == precision_recall(real, fake)
    assert both.density_coverage(5) == density_coverage(real, fake)
    assert both.one_nn_accuracy() == one_nn_accuracy(real, fake)
    for kernel in kernels:
        assert near(both.maximum_mean_discrepancy(kernel), maximum_mean_discrepancy(real, fake, kernel), 1e-9)


def test_stored_real_side_gives_the_same_and_works_nothing_out_again(tmp_path, monkeypatch):
    real, fake = draw(300, 200, 20)
    side = ReferenceStatistics.from_features(real, k=5, kernels=[PolynomialKernel()], moments=True)
    torch.save(side.to_dict(), tmp_path / "real.pt")
    loaded = ReferenceStatistics.from_dict(torch.load(tmp_path / "real.pt", weights_only=True))
    passes = []
    module = "lightning_gans.evaluation.metrics.functional.statistics"
    monkeypatch.setattr(f"{module}.for_each_tile", lambda left, *_: passes.append(left))
    monkeypatch.setattr(f"{module}.covariance_sqrt", lambda _: pytest.fail("the root is known"))
    assert density_coverage(loaded, fake) == density_coverage(side, fake)
    assert frechet_distance(loaded, fake) == frechet_distance(real, fake) if len(fake) <= 20 else True
    assert passes == []
