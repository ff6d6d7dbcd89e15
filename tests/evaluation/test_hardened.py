"""Ways in which a number could be wrong without a word, each once found and mended."""

import os

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from PIL import Image
from torch.utils.data import TensorDataset
from torchmetrics import MetricCollection

from lightning_gans import ConfigError
from lightning_gans.data import Digits
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import DigitsFeatures, IdentityFeatures
from lightning_gans.evaluation.metrics import FrechetDistance, PrecisionRecall
from lightning_gans.evaluation.metrics.functional import (
    ReferenceStatistics,
    density_coverage,
    frechet_distance,
    maximum_mean_discrepancy,
    precision_recall,
)
from lightning_gans.evaluation.sources import ArraySource, DatasetSource, FolderSource
from lightning_gans.objectives.kernels import Kernel, LinearKernel


def points(n, dim=8, seed=0):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def gray_folder(path, seed, mode="L", count=25):
    path.mkdir()
    random = np.random.default_rng(seed)
    for index in range(count):
        file = path / f"{index:02d}.bmp"
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).convert(mode).save(file)
        os.utime(file, (1, 1))  # same names, sizes and times: only the pixels differ
    return FolderSource(path)


def test_folders_of_equal_names_sizes_and_times_are_told_apart(tmp_path):
    first, second = gray_folder(tmp_path / "a", 0), gray_folder(tmp_path / "b", 1)
    assert first.provenance() != second.provenance()
    assert first.provenance() == gray_folder(tmp_path / "c", 0).provenance()  # and a copy is the same


def test_data_sets_of_equal_bytes_and_other_shapes_are_told_apart():
    images = torch.arange(64 * 5, dtype=torch.uint8).reshape(5, 1, 4, 16)
    provenances = [DatasetSource(TensorDataset(x)).provenance() for x in (images, images.reshape(5, 1, 16, 4))]
    assert provenances[0] != provenances[1]


def test_one_color_image_makes_a_folder_rgb(tmp_path):
    source = gray_folder(tmp_path / "a", 0)
    assert source.images(0, 2).shape == (2, 1, 8, 8)
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a" / "99.png")
    assert FolderSource(tmp_path / "a").images(0, 26).shape == (26, 3, 8, 8)


def test_sixteen_bits_hidden_files_and_links(tmp_path):
    gray_folder(tmp_path / "a", 0)
    (tmp_path / "a" / "._00.png").write_bytes(b"macOS")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "sub").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path)  # in circles
    (tmp_path / "linked" / "back").symlink_to(tmp_path / "linked")
    assert len(FolderSource(tmp_path / "a")) == len(FolderSource(tmp_path / "linked")) == 25
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "a" / "deep.png")
    assert FolderSource(tmp_path / "a").images(25, 26).unique().tolist() == [156]  # 40,000 / 257 = 155.6
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "a" / "z.tif")
    with pytest.raises(ConfigError, match=r"z\.tif.*convert it to 8 bits"):
        FolderSource(tmp_path / "a").images(26, 27)


def test_arrays_that_could_be_read_in_two_ways_are_refused(tmp_path):
    for name, shape in (("both", (2, 3, 8, 3)), ("neither", (2, 2, 8, 8))):
        np.save(tmp_path / f"{name}.npy", np.zeros(shape, np.uint8))
        with pytest.raises(ConfigError, match=r"save it as \(N, H, W, C\)"):
            ArraySource(tmp_path / f"{name}.npy")
    np.savez(tmp_path / "two.npz", np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(ConfigError, match="holds 2 arrays"):
        ArraySource(tmp_path / "two.npz")


class Laplace(Kernel):
    """A user's kernel without a name of its own."""

    translation_invariant = True

    def __init__(self, width):
        self.width = width

    def from_inner(self, inner, x_squared, y_squared, dim):
        return (-(x_squared[:, None] + y_squared - 2 * inner).clamp_min(0).sqrt() / self.width).exp()


def test_a_kernel_never_gets_the_sums_of_another():
    x, y = points(50), points(60, seed=1) + 0.3
    side = ReferenceStatistics.from_features(x)
    for width in (0.1, 10.0):
        expected = maximum_mean_discrepancy(x, y, Laplace(width))
        torch.testing.assert_close(maximum_mean_discrepancy(side, y, Laplace(width)), expected)


def test_statistics_may_be_those_of_fakes():
    x, y = points(80), points(90, seed=1) + 0.5
    for function in (precision_recall, density_coverage, maximum_mean_discrepancy):
        expected = torch.as_tensor(function(x, y))
        torch.testing.assert_close(torch.as_tensor(function(ReferenceStatistics(x), ReferenceStatistics(y))), expected)
    same = ReferenceStatistics(x)
    torch.testing.assert_close(torch.as_tensor(density_coverage(same, same)), torch.as_tensor(density_coverage(x, x)))


def test_fakes_at_astronomic_distances():
    real, fake = points(200, 2), points(200, 2, seed=1) * 1e20 + 3e20
    assert [float(value) for value in precision_recall(real, fake)] == [0, 0]


def test_linear_mmd_far_from_the_origin():
    x, y = points(300, 16).double(), points(300, 16, seed=1).double() + 0.2
    near, far = (float(maximum_mean_discrepancy(x + c, y + c, LinearKernel())) for c in (0, 1e6))
    assert far == pytest.approx(near, rel=1e-6)


def test_frechet_of_features_on_very_different_scales():
    x = points(2000, 64).double()
    x[:, 3] *= 1e7
    assert abs(float(frechet_distance(x, x.clone()))) < 1e-14 * float(x.var(0).sum())
    y = points(2000, 64, seed=1).double()
    y[:, 3] *= 1e7
    y[:, 5] += 1
    scaled = float(frechet_distance(x / x.std(0), y / x.std(0)))
    assert float(frechet_distance(x[:, 4:], y[:, 4:])) == pytest.approx(scaled, rel=0.2)


def test_kept_real_features_follow_their_state():
    first, second, fake = points(100), points(100, seed=1) + 3, points(100, seed=2)
    metric = FrechetDistance(reset_real_features=False)
    metric.update(first, real=True)
    metric.update(fake, real=False)
    metric.compute()
    other = FrechetDistance(reset_real_features=False)
    other.update(second, real=True)
    metric.real, metric.real_index = other.real, other.real_index
    metric.update(fake[:0], real=False)
    torch.testing.assert_close(metric.compute(), frechet_distance(second, fake))


def test_a_collection_does_not_mix_metrics_that_keep_and_that_forget():
    metrics = MetricCollection({"fid": FrechetDistance(reset_real_features=False), "pr": PrecisionRecall()})
    for seed in (0, 1):  # two epochs with other real images
        real, fake = points(60, seed=seed) + seed, points(60, seed=5)
        metrics.update(real, real=True)
        metrics.update(fake, real=False)
        found = metrics.compute()
        assert float(found["precision"]) == pytest.approx(float(precision_recall(real, fake)[0]))
        metrics.reset()


def test_real_against_real_is_the_score_of_a_generator_that_has_not_seen_these_images():
    """Real and fake drawn from one Gaussian: FID is that of real against real, not a memorizer's (half)."""
    found, expected = [], []
    for seed in range(6):
        x, y = points(400, 16, seed=2 * seed), points(400, 16, seed=2 * seed + 1)
        report = Evaluator(IdentityFeatures(), cache=None).evaluate(
            DatasetSource(TensorDataset(y)), DatasetSource(TensorDataset(x))
        )
        found.append(report.values["fid_identity"])
        expected.append(report.real_vs_real["fid_identity"])
        assert report.real_vs_real["one_nn_accuracy_identity"] == 0.5
        assert report.real_vs_real["kid_identity"] == 0
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.1)


def failing(rank, world, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/init", rank=rank, world_size=world)
    noise = torch.full((30, 2), float("nan"))
    with pytest.raises(ConfigError):
        Evaluator(IdentityFeatures(), cache=None).evaluate(
            DatasetSource(TensorDataset(noise)), DatasetSource(TensorDataset(points(40, 2)))
        )
    (folder / str(rank)).write_text("told")
    dist.destroy_process_group()


def test_an_error_of_the_first_process_reaches_all(tmp_path):
    mp.start_processes(failing, (2, tmp_path), nprocs=2, start_method="fork")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "init") == ["0", "1"]


def test_extractors_survive_inference_mode():
    extractor = DigitsFeatures()
    expected = extractor.fingerprint
    with torch.inference_mode():
        built = DigitsFeatures()
        assert built.fingerprint == expected
        extractor(Digits().reference_dataset.images[:2])
    assert built.fingerprint == expected
