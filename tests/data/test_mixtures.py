import pytest
import torch
from lightning.pytorch import Trainer

from lightning_gans import GAN
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.data import GaussianMixture2D, Grid2D, Ring2D
from lightning_gans.errors import ConfigError
from lightning_gans.networks import MLPDiscriminator, MLPGenerator


def test_the_ring_has_eight_different_modes_on_the_circle():
    means = Ring2D(radius=2.0).means
    assert means.shape == (8, 2)
    assert torch.allclose(means.norm(dim=1), torch.full((8,), 2.0, dtype=torch.float64))
    distances = torch.cdist(means, means) + 10 * torch.eye(8)
    assert torch.allclose(distances.min(1).values, distances.min(1).values[0])  # evenly spread, none twice
    assert means.mean(0).abs().max() < 1e-12


def test_the_grid_is_pacgans():
    expected = torch.cartesian_prod(*[torch.tensor([-4.0, -2.0, 0.0, 2.0, 4.0], dtype=torch.float64)] * 2)
    assert torch.equal(Grid2D().means, expected)


@pytest.mark.parametrize(("data", "std", "modes"), [(Ring2D(), 0.01, 8), (Grid2D(), 0.05, 25)])
def test_points_have_the_spread_and_the_shares_that_are_said(data, std, modes):
    assert (data.image_shape, data.num_classes, data.std) == ((2,), modes, std)
    points, labels = data.train_dataset.points.double(), data.train_dataset.labels
    assert points.shape == (100_000, 2)
    deviation = points - data.means[labels]
    assert deviation.std() == pytest.approx(std, rel=0.01)  # 200,000 numbers: 0.16% standard error
    assert deviation.mean(0).abs().max() < 5 * std / 100_000**0.5
    shares = torch.bincount(labels) / len(labels)
    assert (shares * modes - 1).abs().max() < 5 * (modes / 100_000) ** 0.5


def test_the_density_is_that_of_the_points():
    data = Ring2D(modes=3, std=0.3)
    grid = torch.cartesian_prod(*[torch.linspace(-4, 4, 201)] * 2)
    assert float(data.density(grid).sum() * 0.04**2) == pytest.approx(1, abs=1e-6)


def test_seeds_and_settings_have_fingerprints_of_their_own():
    kinds = [Ring2D(), Ring2D(seed=1), Ring2D(std=0.02), Grid2D(), Ring2D(modes=7)]
    found = [data.fingerprint() for data in kinds]
    assert len(set(found)) == len(kinds)
    assert Ring2D().fingerprint() == found[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ring2D(modes=0), "modes=0"),
        (lambda: Ring2D(std=0.0), r"std=0\.0"),
        (lambda: Grid2D(side=0), "side=0"),
        (lambda: GaussianMixture2D([[0.0, 1.0], [0.0, 1.0]], 0.1), "two modes are the same"),
        (lambda: GaussianMixture2D([[0.0]], 0.1), r"means=\[\[0\.0\]\]: give pairs"),
        (lambda: Grid2D(num_samples=0), "num_samples=0"),
    ],
)
def test_impossible_mixtures_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


class Perfect(GAN):
    """Samples from the mixture itself."""

    def sample(self, n, *, seed=0, ema=True, start=0, **_):
        return Ring2D(seed=1).train_dataset.points[start : start + n]


def test_metrics_of_points_are_logged_with_the_modes(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path))
    callback = MetricsCallback(num_samples=1000)
    trainer = Trainer(accelerator="cpu", callbacks=[callback], logger=False, enable_checkpointing=False)
    model = Perfect(MLPGenerator(2, (2,), (4,), tanh_output=False), MLPDiscriminator((2,), (4,)))
    (found,) = trainer.validate(model, Ring2D(), verbose=False)
    assert found["metrics/modes"] == 8
    assert found["metrics/high_quality"] == pytest.approx(1 - 2.718281828**-4.5, abs=0.012)
    assert 0 < found["metrics/reverse_kl"] < 0.02
    assert 0 < found["metrics/jsd"] < 0.01
    assert found["metrics/fid_points"] < 0.01
    assert found["metrics/precision_points"] > 0.9
    assert callback.report.provenance["real"]["count"] == 2500
