import contextlib
import io
import json
from functools import partial

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from prdc import compute_prdc
from torch.utils.data import TensorDataset

from lightning_gans import ConfigError
from lightning_gans.data import Digits
from lightning_gans.evaluation.evaluator import HIGHER_IS_BETTER, Evaluator, Report, differences
from lightning_gans.evaluation.features import DigitsFeatures, FeatureBatch, FeatureExtractor, IdentityFeatures
from lightning_gans.evaluation.metrics.functional import (
    class_entropies,
    classifier_two_sample_test,
    density_coverage,
    frechet_distance,
    inception_score,
    maximum_mean_discrepancy,
    mmd_permutation_test,
    one_nn_accuracy,
    one_nn_permutation_test,
    precision_recall,
)
from lightning_gans.evaluation.sources import DatasetSource


def noisy(level=60, n=300, seed=0):
    """Real digits with noise: fakes that are neither perfect nor useless."""
    generator = torch.Generator().manual_seed(seed)
    images = Digits().reference_dataset.images[:n].float()
    return (images + level * torch.randn(images.shape, generator=generator)).clamp(0, 255).to(torch.uint8)


def real(n=400):
    return DatasetSource(TensorDataset(Digits().reference_dataset.images[-n:]))


def fake(**kwargs):
    return DatasetSource(TensorDataset(noisy(**kwargs)))


def test_figures_are_those_of_the_functions(tmp_path):
    report = Evaluator(DigitsFeatures(), cache=None).evaluate(fake(), real())
    extractor = DigitsFeatures()
    x, y = extractor(real().images(0, 400)), extractor(fake().images(0, 300))
    expected = {
        "fid": frechet_distance(x.features, y.features),
        "kid": maximum_mean_discrepancy(x.features, y.features),
        "precision": precision_recall(x.features, y.features)[0],
        "recall": precision_recall(x.features, y.features)[1],
        "density": density_coverage(x.features, y.features)[0],
        "coverage": density_coverage(x.features, y.features)[1],
        "one_nn_accuracy": one_nn_accuracy(x.features, y.features)[2],
        "variance_ratio": y.features.double().var(0).sum() / x.features.double().var(0).sum(),
        "is": inception_score(y.logits)[0],
        "marginal_entropy": class_entropies(y.logits).marginal,
        "conditional_entropy": class_entropies(y.logits).conditional,
    }
    for name, value in expected.items():
        assert report.values[f"{name}_digits"] == pytest.approx(float(value), rel=1e-9), name
    of_models = {"class_accuracy", "reconstruction_accuracy"}  # see test_accuracies.py
    assert {name.removesuffix("_digits") for name in report.values} == HIGHER_IS_BETTER.keys() - of_models - {"mmd"}


def test_p_values_are_those_of_the_functions_on_the_images_that_pairs_are_formed_with(monkeypatch):
    quick = partial(classifier_two_sample_test, num_steps=20)
    monkeypatch.setattr("lightning_gans.evaluation.evaluator.classifier_two_sample_test", quick)
    plain, tested = (
        Evaluator(DigitsFeatures(), cache=None, subset_size=60, p_values=on).evaluate(fake(n=90), real())
        for on in (False, True)
    )
    x, y = (DigitsFeatures()(side.images(0, len(side))).features for side in (real(), fake(n=90)))
    drawn = x[torch.randperm(400, generator=torch.Generator().manual_seed(0))[:60]]
    trained = quick(drawn, y)
    expected = {
        "c2st_accuracy_digits": float(trained.accuracy),
        "p_value_c2st_digits": float(trained.p_value),
        "p_value_kid_digits": float(mmd_permutation_test(drawn, y).p_value),
        "p_value_one_nn_digits": float(one_nn_permutation_test(drawn, y).p_value),
    }
    assert {name: tested.values[name] for name in tested.values.keys() - plain.values.keys()} == expected
    assert tested.real_vs_real == plain.real_vs_real | {"c2st_accuracy_digits": 0.5}
    assert differences(plain, tested) == {}
    names = Evaluator(DigitsFeatures(), cache=None, p_values=True).higher_is_better_by_name()
    assert names.keys() - {f"{name}_digits" for name in HIGHER_IS_BETTER} == expected.keys()


def test_pairs_are_formed_with_a_stated_subset_of_the_real_images(tmp_path):
    report = Evaluator(DigitsFeatures(), cache=None, subset_size=150).evaluate(fake(), real())
    x, y = (DigitsFeatures()(side.images(0, len(side))).features for side in (real(), fake()))
    drawn = x[torch.randperm(400, generator=torch.Generator().manual_seed(0))[:150]]
    with contextlib.redirect_stdout(io.StringIO()):
        theirs, of_three = (compute_prdc(drawn.double().numpy(), y.double().numpy(), nearest_k=k) for k in (5, 3))
    expected = {"density": theirs["density"], "coverage": theirs["coverage"]}
    expected |= {"precision": of_three["precision"], "recall": of_three["recall"]}
    expected |= {"kid": maximum_mean_discrepancy(drawn, y), "one_nn_accuracy": one_nn_accuracy(drawn, y).pooled}
    expected |= {"fid": frechet_distance(x, y)}
    for name, value in expected.items():
        assert report.values[f"{name}_digits"] == pytest.approx(float(value), rel=1e-9), name
    assert report.provenance["subset"] == {"size": 150, "seed": 0}
    assert "against 400 real images (neighbors and MMD: 150 of them, seed 0); features digits" in report.caption


@pytest.mark.parametrize(("count", "sizes"), [(400, (150, 200)), (240, (120, 120))])
def test_the_floor_of_a_subset_is_that_of_the_counts_compared(count, sizes):
    report = Evaluator(DigitsFeatures(), cache=None, subset_size=150).evaluate(fake(n=200), real(count))
    x, generator = DigitsFeatures()(real(count).images(0, count)).features, torch.Generator().manual_seed(0)
    orders = [torch.randperm(count, generator=generator) for _ in range(3)]
    splits = [[x[part] for part in order.split([*sizes, count - sum(sizes)])] for order in orders]
    coverage = torch.stack([density_coverage(one, other).coverage for one, other, _ in splits]).mean()
    assert report.real_vs_real["coverage_digits"] == pytest.approx(float(coverage), rel=1e-9)
    fid = torch.stack([frechet_distance(one, other) for one, other, _ in splits]).mean()
    scale = (1 / count + 1 / 200) / (1 / sizes[0] + 1 / sizes[1])
    assert report.real_vs_real["fid_digits"] == pytest.approx(float(fid) * scale, rel=1e-9)
    assert report.provenance["real_vs_real"].startswith(f"{sizes[0]} real images against {sizes[1]} others; FID")


def test_a_set_within_the_subset_size_is_measured_as_a_whole():
    reports = [Evaluator(DigitsFeatures(), cache=None, subset_size=n).evaluate(fake(), real()) for n in (400, None)]
    assert reports[0] == reports[1]
    assert "subset" not in reports[0].provenance


def test_what_is_kept_of_a_subset_serves_it_alone(tmp_path, monkeypatch):
    def measured(subset_size, n=300):
        return Evaluator(DigitsFeatures(), cache=tmp_path, subset_size=subset_size).evaluate(fake(n=n), real())

    first, other, fewer = measured(150), measured(100), measured(150, n=100)
    assert len(list(tmp_path.glob("*.pt"))) == 2
    assert other.values["kid_digits"] != first.values["kid_digits"]
    assert fewer.real_vs_real["coverage_digits"] != first.real_vs_real["coverage_digits"]
    monkeypatch.setattr(Evaluator, "_split_scores", None)  # all of it is known
    assert [measured(150), measured(100), measured(150, n=100)] == [first, other, fewer]


def test_batch_size_does_not_matter():
    reports = [Evaluator(DigitsFeatures(), size, cache=None).evaluate(fake(), real()) for size in (7, 400)]
    for name, value in reports[0].values.items():
        assert value == pytest.approx(reports[1].values[name], rel=1e-5), name


def test_a_perfect_generator_scores_as_real_against_real():
    """Real images drawn again: FID near that of real against real, precision 1; noise and collapse are far from it."""
    images = Digits().reference_dataset.images
    drawn = images[torch.randint(1797, (2000,), generator=torch.Generator().manual_seed(5))]
    evaluator = Evaluator(DigitsFeatures(), cache=None)
    whole = DatasetSource(TensorDataset(images))
    perfect = evaluator.evaluate(DatasetSource(TensorDataset(drawn)), whole)
    assert perfect.values["fid_digits"] == pytest.approx(perfect.real_vs_real["fid_digits"], rel=0.5)
    assert perfect.values["precision_digits"] == 1
    assert perfect.values["recall_digits"] > 0.85
    uniform = torch.randint(0, 256, (500, 1, 8, 8), dtype=torch.uint8)
    noise = evaluator.evaluate(DatasetSource(TensorDataset(uniform)), whole)
    assert noise.values["fid_digits"] > 100 * perfect.values["fid_digits"]
    collapsed = evaluator.evaluate(DatasetSource(TensorDataset(images[:1].expand(500, -1, -1, -1))), whole)
    assert collapsed.values["recall_digits"] < 0.01
    assert collapsed.values["num_classes_covered_digits"] == 1


def test_statistics_of_real_images_are_computed_once_and_kept(tmp_path, monkeypatch):
    seen = []
    extractor = DigitsFeatures()
    monkeypatch.setattr(
        extractor, "extract", lambda images, f=extractor.extract: (seen.append(len(images)), f(images))[1]
    )
    first = Evaluator(extractor, cache=tmp_path).evaluate(fake(), real())
    assert sum(seen) == 700
    seen.clear()
    second = Evaluator(extractor, cache=tmp_path).evaluate(fake(), real())
    assert sum(seen) == 300
    assert first == second
    (kept,) = tmp_path.glob("*.pt")
    assert {"neighbors", "covariance_sqrt"} <= torch.load(kept, weights_only=True)["statistics"].keys()
    assert not list(tmp_path.glob("*.part"))
    third = Evaluator(extractor, cache=tmp_path).evaluate(fake(n=200), real())
    assert third.real_vs_real != first.real_vs_real


def test_changed_weights_miss_the_cache(tmp_path):
    extractor = DigitsFeatures()
    Evaluator(extractor, cache=tmp_path).evaluate(fake(), real())
    with torch.no_grad():
        next(iter(extractor.parameters())).add_(0.01)
    Evaluator(extractor, cache=tmp_path).evaluate(fake(), real())
    assert len(list(tmp_path.glob("*.pt"))) == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_file_is_rebuilt_with_a_warning(tmp_path, damage):
    good = Evaluator(DigitsFeatures(), cache=tmp_path).evaluate(fake(), real())
    (file,) = tmp_path.glob("*.pt")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if damage is None else damage)
    with pytest.warns(UserWarning, match="is damaged"):
        again = Evaluator(DigitsFeatures(), cache=tmp_path).evaluate(fake(), real())
    assert again == good
    assert Evaluator(DigitsFeatures(), cache=tmp_path).evaluate(fake(), real()) == good


def test_a_cache_that_cannot_be_written_costs_a_warning_only(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be written"):
        Evaluator(DigitsFeatures(), cache=tmp_path / "file").evaluate(fake(), real())


class Level(FeatureExtractor):
    """The mean level of an image."""

    preprocessing = "none"

    def extract(self, images):
        return FeatureBatch(images.float().mean((2, 3)))


def process(rank, world, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/init", rank=rank, world_size=world)
    torch.set_num_threads(1)
    report = Evaluator(DigitsFeatures(), 64, cache=None).evaluate(fake(n=101), real(150))
    images = torch.arange(2, dtype=torch.uint8)[:, None, None, None].expand(2, 1, 2, 2)
    levels = Evaluator(Level("level"), cache=None).extract(DatasetSource(TensorDataset(images)))
    assert levels.features.squeeze(1).tolist() == [0, 1]  # of three processes one has an empty slice
    (path / f"{rank}.json").write_text(json.dumps(report.as_dict()))
    dist.destroy_process_group()


@pytest.mark.parametrize("world", [2, 3])
def test_any_number_of_processes_reports_the_same(tmp_path, world):
    alone = Evaluator(DigitsFeatures(), 64, cache=None).evaluate(fake(n=101), real(150))
    mp.start_processes(process, (world, tmp_path), nprocs=world, start_method="fork")  # spawned ones import all again
    for rank in range(world):
        report = Report.from_file(tmp_path / f"{rank}.json")
        assert report.provenance == alone.provenance
        for name, value in alone.values.items():
            assert report.values[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def test_points_are_their_own_features():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 200, 2, generator=generator)
    report = Evaluator(IdentityFeatures(), cache=None).evaluate(
        DatasetSource(TensorDataset(y)), DatasetSource(TensorDataset(x))
    )
    assert report.values["fid_identity"] == pytest.approx(float(frechet_distance(x, y)), rel=1e-9)
    assert "is_identity" not in report.values


def test_global_randomness_is_untouched():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Evaluator(DigitsFeatures(), cache=None).evaluate(fake(), real())
    assert torch.equal(before, torch.get_rng_state())


def test_reports_compare_only_where_their_provenance_agrees(tmp_path):
    evaluator = Evaluator(DigitsFeatures(), cache=None)
    one, two = evaluator.evaluate(fake(), real()), evaluator.evaluate(fake(seed=1), real())
    assert differences(one, two) == {}
    assert set(differences(one, evaluator.evaluate(fake(n=200), real()))) == {"fake"}
    assert set(differences(one, evaluator.evaluate(fake(), real(300)))) == {"real"}
    (tmp_path / "report.json").write_text(json.dumps(one.as_dict()))
    assert Report.from_file(tmp_path / "report.json") == one
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read as a report"):
        Report.from_file(tmp_path / "report.json")


def test_too_few_samples_are_named():
    with pytest.raises(ConfigError):
        Evaluator(DigitsFeatures(), cache=None).evaluate(fake(n=3), real())
