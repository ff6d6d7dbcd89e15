"""What breaks metrics: offsets, ties, copies, collapse, too few samples, and what is not a number."""

from types import SimpleNamespace

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import functional as F
from lightning_gans.evaluation.metrics.functional.tiles import Points, Standardization, for_each_tile, work_dtype
from lightning_gans.evaluation.metrics.kernels import GaussianKernel, LinearKernel
from tests.cases import few


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(100, 256, generator=generator), torch.randn(100, 256, generator=generator)


def grid(n, d, seed, top=3):
    return torch.randint(top, (n, d), generator=torch.Generator().manual_seed(seed)).float()


def brute(real, fake, k, strict):
    """Precision, recall, density, coverage from differences in float64."""
    real, fake = real.double(), fake.double()
    rr, ff, rf = ((a[:, None] - b).square().sum(2) for a, b in ((real, real), (fake, fake), (real, fake)))
    r, f = (side.fill_diagonal_(torch.inf).kthvalue(k, 1).values for side in (rr, ff))
    within, reverse = (rf < r[:, None], rf < f) if strict else (rf <= r[:, None], rf <= f)
    precision, recall, coverage = (hit.double().mean() for hit in (within.any(0), reverse.any(1), within.any(1)))
    return precision, recall, within.double().sum(0).mean() / k, coverage


CASES = {
    "plain": lambda: (torch.randn(90, 8), torch.randn(70, 8)),
    "ties": lambda: (grid(90, 3, 0), grid(80, 3, 1)),
    "ties in many dimensions": lambda: (grid(90, 40, 0, 2), grid(80, 40, 1, 2)),
    "identical": lambda: (grid(90, 5, 0, 100),) * 2,
    "offset 1e6": lambda: (torch.randn(90, 8) + 1e6, torch.randn(70, 8) + 1e6),
    "offset 1e6, float64": lambda: (torch.randn(90, 8).double() + 1e6, torch.randn(70, 8).double() + 1e6),
    "two far clusters": lambda: tuple(
        torch.randn(80, 4).double() * 1e-3 + 1e6 * (torch.arange(80) % 2)[:, None] for _ in range(2)
    ),
    "collapsed fakes": lambda: (torch.randn(90, 8), torch.zeros(70, 8)),
    "collapsed onto a real sample": lambda: (torch.eye(90), torch.eye(90)[:1].repeat(70, 1)),
    "all one point": lambda: (torch.ones(40, 8), torch.ones(30, 8)),
    "an outlier": lambda: (torch.cat([torch.randn(90, 8), torch.full((1, 8), 1e8)]), torch.randn(70, 8)),
    "tiny": lambda: (torch.randn(90, 8) * 1e-25, torch.randn(70, 8) * 1e-25),
    "fakes far away": lambda: (torch.randn(90, 8), torch.randn(70, 8) + 1e7),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tile_size", few([16, 1024], [16]))
@pytest.mark.parametrize("strict", [True, False])
def test_neighbors_are_exact(case, tile_size, strict):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        real, fake = CASES[case]()
    expected = brute(real, fake, 3, strict)
    known = F.ReferenceStatistics(real, tile_size=tile_size)
    assert (*F.precision_recall(known, fake, 3, strict), *F.density_coverage(known, fake, 3, strict)) == expected


def test_rounding_is_repaired_not_only_rare():
    """Points on a sphere far from the center of mass: float32 tiles alone get every second comparison wrong."""
    generator = torch.Generator().manual_seed(0)
    near = torch.randn(300, 16, generator=generator) * 1e-3
    real = near[:150] + torch.cat([torch.ones(75, 16), -torch.ones(75, 16)]) * 30
    fake = near[150:] + torch.cat([torch.ones(75, 16), -torch.ones(75, 16)]) * 30
    result = (*F.precision_recall(real, fake, 3), *F.density_coverage(real, fake, 3, False))
    assert result == brute(real, fake, 3, strict=False)


def test_identical_sets(pair):
    real, copy = pair[0], pair[0].clone()
    assert F.precision_recall(real, copy) == (1, 1)
    density, coverage = F.density_coverage(real, copy)
    assert coverage == 1
    assert density == pytest.approx(1.0, abs=1e-12)  # itself and k - 1 neighbors: the k-th is on the sphere
    assert abs(F.frechet_distance(real, copy)) < 1e-9
    assert abs(F.maximum_mean_discrepancy(real, copy, biased=True)) < 1e-12
    assert F.one_nn_accuracy(real, copy) == (0, 0, 0)


def test_a_tie_of_the_1_nn_test_counts_half():
    real, fake = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [9.0]])  # 1 is as near to 0 as to 2
    assert F.one_nn_accuracy(real, fake) == (0.75, 0.5, 0.625)


def test_frechet_with_fewer_samples_than_dimensions(pair):
    real, fake = pair
    moments = [part for side in pair for part in (side.double().mean(0), side.double().T.cov())]
    assert float(F.frechet_distance(real, fake)) == pytest.approx(
        float(F.frechet_distance_from_moments(*moments)), rel=1e-7
    )
    assert float(F.frechet_distance(real, fake)) == pytest.approx(float(F.frechet_distance(fake, real)), rel=1e-10)


def test_offset_changes_nothing_but_the_features_own_digits(pair):
    near = [side.double().round(decimals=3) for side in pair]
    far = [side + 1e6 for side in near]
    for metric in (
        F.frechet_distance,
        lambda *sides: F.maximum_mean_discrepancy(*sides, GaussianKernel(20.0)),
        lambda *sides: F.maximum_mean_discrepancy(*sides, LinearKernel(), biased=True),
        lambda *sides: F.one_nn_accuracy(*sides).pooled,
    ):
        assert float(metric(*near)) == pytest.approx(float(metric(*far)), rel=1e-2)
    assert float(F.frechet_distance(*near)) == pytest.approx(float(F.frechet_distance(*far)), rel=1e-8)


def test_frechet_of_a_collapsed_generator(pair):
    real = pair[0]
    covariance = real.double().T.cov()
    expected = real.double().mean(0).square().sum() + covariance.trace()
    assert float(F.frechet_distance(real, torch.zeros(50, 256))) == pytest.approx(float(expected), rel=1e-9)


def values(result):
    return [result] if isinstance(result, torch.Tensor) else list(result)


ALL = {
    "frechet": F.frechet_distance,
    "mmd": F.maximum_mean_discrepancy,
    "permutation": F.mmd_permutation_test,
    "classifier": lambda *sides: F.classifier_two_sample_test(*sides, num_steps=5),
    "1-nn permutation": F.one_nn_permutation_test,
    "precision": F.precision_recall,
    "density": F.density_coverage,
    "1-nn": F.one_nn_accuracy,
    "authenticity": F.authenticity,
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(name, bad, pair):
    for which in range(2):
        sides = [side.clone() for side in pair]
        sides[which][3, 4] = bad
        with pytest.raises(ConfigError, match=["real", "fake"][which] + r"=.*1 samples have NaN"):
            ALL[name](*sides)


@pytest.mark.parametrize("name", ALL)
def test_different_dimensions_are_refused(name, pair):
    with pytest.raises(ConfigError, match="same extractor"):
        ALL[name](pair[0], pair[1][:, :7])


@pytest.mark.parametrize("name", ALL)
def test_one_sample_is_refused(name, pair):
    with pytest.raises(ConfigError):
        ALL[name](pair[0][:1], pair[1])
    if name not in ("density", "authenticity"):  # a single fake lies in balls, or copies, as well as any
        with pytest.raises(ConfigError):
            ALL[name](pair[0], pair[1][:1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.precision_recall(x[:3], x), "k=3: a sample has 2 neighbors among 3 real"),
        (lambda x: F.precision_recall(x, x[:3]), "k=3: .* among 3 fake"),
        (lambda x: F.density_coverage(x[:5], x), "k=5"),
        (lambda x: F.density_coverage(x, x, k=0), "k=0"),
        (lambda x: F.precision_recall(x[:, 0], x), "matrix"),
        (lambda x: F.inception_score(x[:5]), "splits=10: there are only 5 samples"),
        (lambda x: F.inception_score(x, splits=0), "splits=0"),
        (lambda x: F.maximum_mean_discrepancy_subsets(x, x), "subset_size=1000"),
        (lambda x: F.maximum_mean_discrepancy_subsets(x, x, subsets=0, subset_size=9), "subsets=0"),
        (lambda x: F.mmd_permutation_test(x, x, permutations=0), "permutations=0"),
        (lambda x: F.one_nn_permutation_test(x, x, permutations=0), "permutations=0"),
        (lambda x: F.classifier_two_sample_test(x, x, hidden_dim=0), "hidden_dim=0"),
        (lambda x: F.classifier_two_sample_test(x, x, num_steps=0), "num_steps=0"),
        (lambda x: F.frechet_distance_infinity(x, x, points=2), "points=2"),
        (lambda x: F.frechet_distance_infinity(x, x, smallest=100), "smallest=100"),
        (lambda x: F.frechet_distance_from_moments(x[0], x, x[0], x), "cov1"),
        (lambda x: F.frechet_distance_from_moments(x[0], x.T @ x * torch.nan, x[0], x.T @ x), "cov1"),
        (lambda x: F.mode_coverage(x, x[:, :2], 1.0), "means"),
        (lambda x: F.mode_coverage(x, x, 0.0), "std"),
        (lambda x: F.class_coverage(torch.tensor([3]), 3), "num_classes=3"),
        (lambda x: F.class_coverage(torch.tensor([]), 3), "labels"),
        (lambda x: F.vendi_score(x * 0), "k\\(x, x\\) = 0"),
        (lambda x: F.ReferenceStatistics.from_dict({"schema": torch.tensor(0)}), "schema=0.*compute them again"),
    ],
)
def test_errors_name_the_setting(call, message, pair):
    with pytest.raises(ConfigError, match=message):
        call(pair[0])


def test_covariances_that_are_none_are_an_error():
    zero, minus = torch.zeros(2), -torch.eye(2)
    with pytest.raises(ArithmeticError, match="semi-definite"):
        F.frechet_distance_from_moments(zero, minus, zero, torch.eye(2) * 0)


def test_nothing_global_changes_and_all_results_are_float64_on_the_cpu(pair):
    import numpy as np

    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    real, fake = (side.bfloat16().requires_grad_() for side in pair)
    with torch.autocast("cpu", torch.bfloat16):
        for metric in ALL.values():
            for value in values(metric(real, fake)):
                assert value.dtype == torch.float64
                assert value.device.type == "cpu"
                assert not value.requires_grad
        under_autocast = [values(metric(real, fake)) for metric in ALL.values()]
    assert under_autocast == [values(metric(real, fake)) for metric in ALL.values()]
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_fewer_digits_in_products_change_no_result(pair):
    expected = F.precision_recall(*pair), F.one_nn_accuracy(*pair)
    before = torch.get_float32_matmul_precision()
    assert work_dtype(torch.device("cpu")) == torch.float32
    torch.set_float32_matmul_precision("medium")
    try:
        assert work_dtype(torch.device("cpu")) == torch.float64
        assert (F.precision_recall(*pair), F.one_nn_accuracy(*pair)) == expected
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_tiles_keep_their_type_under_autocast(pair):
    points = Points(pair[0], Standardization.of(pair[0], pair[0].double().mean(0)), torch.float32)
    seen = []
    visitor = SimpleNamespace(visit=lambda tile: seen.append(tile.inner.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        for_each_tile(points, points, [visitor], tile_size=60)
    assert seen == [torch.float32] * 3  # of four tiles the one below the diagonal is left out


def test_frechet_of_few_samples_needs_no_singular_values(pair, monkeypatch):
    """They take ten times as long as eigenvalues; a singular value of pure rounding error would call for them."""
    monkeypatch.setattr(torch.linalg, "svdvals", lambda _: pytest.fail("singular values"))
    F.frechet_distance(*pair)


def test_order_of_samples_does_not_matter(pair):
    real, fake = pair
    for name, metric in ALL.items():
        if name not in ("permutation", "classifier", "1-nn permutation"):  # which samples fall where is drawn
            one, other = values(metric(real, fake)), values(metric(real.flip(0), fake.flip(0)))
            assert [float(value) for value in one] == pytest.approx([float(value) for value in other], rel=1e-9)
