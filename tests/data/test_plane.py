"""Points of the plane: samples follow the density that is said."""

import math

import pytest
import torch

from lightning_gans.data import DisjointRegions2D, GaussianMixture2D, Line2D, Points2D, TwoGaussians2D
from lightning_gans.errors import ConfigError

KINDS = [
    Line2D(std=0.2, num_samples=20_000),
    DisjointRegions2D(num_samples=20_000),
    TwoGaussians2D(num_samples=20_000),
    Points2D([[0.0, 0.0], [1.0, 0.5], [-0.5, 1.0]], std=0.15, num_samples=20_000),
]


@pytest.mark.parametrize("data", KINDS, ids=lambda data: type(data).__name__)
def test_points_follow_the_density(data):
    """Cells of the plane hold as many points as the integral of the density says: a chi-squared test."""
    fine, width = 480, 0.5  # cells of 40 x 40 places, 6 wide in all
    places = (torch.arange(fine).double() + 0.5) * 6 / fine - 3
    density = data.density(torch.cartesian_prod(places, places)).reshape(12, 40, 12, 40)
    expected = density.mean((1, 3)).flatten() * width**2 * 20_000
    assert expected.sum() == pytest.approx(20_000, rel=0.002)
    cell = ((data.train_dataset.points.double() + 3) / width).long()
    found = torch.bincount(cell[:, 0] * 12 + cell[:, 1], minlength=144)
    full = expected > 5
    statistic = ((found - expected)[full].square() / expected[full]).sum()
    assert statistic < full.sum() + 5 * (2 * full.sum()) ** 0.5  # five of its standard deviations


def test_a_line_is_a_convolution_and_keeps_its_digits_far_away():
    line = Line2D((-1.0, -1.0), (2.0, 3.0), std=0.1)  # 5 long
    places = torch.lerp(*line.ends, torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None])
    points = torch.tensor([[0.5, 1.0], [-1.0, -1.0], [2.1, 2.9], [-1.1, -1.2]]).double()
    alike = GaussianMixture2D([[0.0, 0.0]], std=0.1).density((points[:, None] - places).reshape(-1, 2))
    assert torch.allclose(line.density(points), torch.trapezoid(alike.reshape(4, -1), dx=1 / 4000), rtol=1e-4)
    far = line.log_density(torch.tensor([[-31.0, -41.0], [32.0, 43.0]]))  # 50 before an end, 50 behind the other
    expected = torch.distributions.Normal(0.0, 1.0)
    tail = -(500**2) / 2 - math.log(500 * math.sqrt(2 * math.pi))  # Phi(-500), by its leading term
    across = float(expected.log_prob(torch.tensor(0.0))) - math.log(0.1)
    assert far.tolist() == pytest.approx([tail - math.log(5) + across] * 2, abs=1e-4)


def test_regions_are_apart_and_all_else_is_impossible():
    data = DisjointRegions2D()
    points, labels = data.train_dataset.points.double(), data.train_dataset.labels
    distance = torch.cdist(points[:5000], data.means)
    assert (distance.min(1).values <= 0.3 + 1e-6).all()
    assert torch.equal(distance.argmin(1), labels[:5000])
    assert torch.cdist(data.means, data.means)[0, 1] > 2 * 0.3
    assert data.log_density(torch.zeros(1, 2)).item() == -math.inf
    assert data.density(data.means).tolist() == pytest.approx([1 / (3 * math.pi * 0.09)] * 3)


def test_regions_metrics_say_what_a_perfect_generator_scores():
    data = DisjointRegions2D()
    coverage = data.metrics()["coverage"]
    coverage.update(data.train_dataset.points[:20_000], real=False)
    found = coverage.compute()
    assert (found["modes"], found["high_quality"]) == (3, pytest.approx(1, abs=1e-3))
    assert found["spread"] == pytest.approx(1.206, abs=0.01)


def test_drawn_points_have_no_labels_and_may_repeat():
    data = Points2D([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0]])
    assert data.num_classes is None
    assert data.means.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    (batch,) = next(iter(data.train_dataloader()))
    assert batch.shape == (64, 2)
    assert len(data.reference_dataset) == 2500
    assert data.fingerprint() != Points2D([[0.0, 1.0], [2.0, 3.0]], std=0.03).fingerprint()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Line2D((1.0, 1.0), (1.0, 1.0)), "end="),
        (lambda: Line2D(std=0.0), "std=0"),
        (lambda: DisjointRegions2D(radius=0.9), r"radius=0\.9: the regions touch; it must be below 0\.866"),
        (lambda: DisjointRegions2D(regions=0), "regions=0"),
        (lambda: TwoGaussians2D(distance=0.0), "distance=0"),
        (lambda: Points2D([]), r"points=\[\]: give pairs"),
        (lambda: Points2D([[0.0, 1.0], [0.0]]), "points=.*: give pairs"),
        (lambda: Points2D([[0.0, math.nan]]), "points=.*: coordinates must be finite"),
        (lambda: Points2D([[0.0, float(i)] for i in range(201)]), "points='201 points': at most 200"),
        (lambda: Points2D([[0.0, 1.0]], num_samples=0), "num_samples=0"),
    ],
)
def test_impossible_data_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
