"""The torchmetrics classes, alone, in a collection and in a module."""

import copy
import pickle

import pytest
import torch
from torchmetrics import MetricCollection

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import (
    DensityCoverage,
    FrechetDistance,
    InceptionScore,
    MaximumMeanDiscrepancy,
    ModeCoverage,
    OneNNAccuracy,
    PrecisionRecall,
)
from lightning_gans.evaluation.metrics import functional as F
from lightning_gans.evaluation.metrics.kernels import GaussianKernel
from tests.rooms import brought_in

MEANS = [[0.0] * 6, [1.0] * 6]


def modes(_, fake):
    given = fake, torch.tensor(MEANS), 0.5
    return (*F.mode_coverage(*given), F.mode_spread(*given))


METRICS = {
    "frechet": (FrechetDistance, lambda r, f: F.frechet_distance(r, f)),
    "mmd": (
        lambda **k: MaximumMeanDiscrepancy(GaussianKernel(2.0), **k),
        lambda r, f: F.maximum_mean_discrepancy(r, f, GaussianKernel(2.0)),
    ),
    "precision": (PrecisionRecall, lambda r, f: F.precision_recall(r, f)),
    "density": (DensityCoverage, lambda r, f: F.density_coverage(r, f)),
    "1-nn": (OneNNAccuracy, lambda r, f: F.one_nn_accuracy(r, f)),
    "modes": (lambda **k: ModeCoverage(MEANS, 0.5, **k), modes),
}


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(60, 6, generator=generator), torch.randn(50, 6, generator=generator) * 0.9


def values(result):
    if isinstance(result, dict):
        return list(result.values())
    return [result] if isinstance(result, torch.Tensor) else list(result)


def fill(metric, pair, size=17):
    for real, side in ((True, pair[0]), (False, pair[1])):
        for batch in side.split(size):
            metric.update(batch, real=real)
    return metric


@pytest.mark.parametrize("name", METRICS)
def test_value_is_that_of_the_function_at_any_batch_size(name, pair):
    make, function = METRICS[name]
    for size in (7, 60):
        result = values(fill(make(), pair, size).compute())
        assert result == values(function(*pair))
        assert all(value.dtype == torch.float64 and value.device.type == "cpu" for value in result)


def test_inception_score_class(pair):
    metric = InceptionScore(splits=3)
    for batch in pair[0].split(7):
        metric.update(batch)
    assert values(metric.compute()) == values(F.inception_score(pair[0], 3))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    "change",
    [lambda m: m.set_dtype(torch.bfloat16), lambda m: m.half(), lambda m: m.to(torch.bfloat16), lambda m: m.bfloat16()],
)
def test_the_type_of_the_module_does_not_matter(name, change, pair):
    make, function = METRICS[name]
    module = torch.nn.Module()
    module.metric = make()
    change(module.metric)
    fill(module.metric, pair)
    module.to(torch.bfloat16)
    assert values(module.metric.compute()) == values(function(*pair))


def test_half_precision_features_are_kept_exactly(pair):
    rounded = [side.bfloat16() for side in pair]
    assert fill(FrechetDistance(), rounded).compute() == F.frechet_distance(*(side.double() for side in rounded))


def test_a_collection_shares_one_buffer(pair):
    collection = MetricCollection({name: make() for name, (make, _) in METRICS.items()})
    for _ in range(2):
        for real, side in ((True, pair[0]), (False, pair[1])):
            for batch in side.split(20):
                collection.update(batch, real=real)
        assert len(collection.compute_groups) == 1
        result = collection.compute()
        assert result["frechet"] == F.frechet_distance(*pair)
        assert result["recall"] == F.precision_recall(*pair).recall
        assert result["one_nn_accuracy_fake"] == F.one_nn_accuracy(*pair).fake
        assert all(value.ndim == 0 for value in result.values())
        collection.reset()
    mixed = MetricCollection([FrechetDistance(), InceptionScore(splits=2)])
    mixed.update(features=pair[0], real=True, logits=pair[0])
    mixed.update(features=pair[1], real=False, logits=pair[1])
    assert mixed.compute()["inception_score"] == F.inception_score(torch.cat(pair), 2).mean


@pytest.mark.parametrize("name", METRICS)
def test_real_features_stay_when_asked(name, pair, monkeypatch):
    make, function = METRICS[name]
    metric = fill(make(reset_real_features=False), pair)
    first = values(metric.compute())
    metric.reset()
    metric.update(pair[1], real=False)
    assert values(metric.compute()) == first
    metric.reset()
    metric.update(pair[1][:30], real=False)
    metric.update(pair[1][30:] + 1, real=True)
    expected = function(torch.cat([pair[0], pair[1][30:] + 1]), pair[1][:30])
    assert values(metric.compute()) == values(expected)
    forgets = fill(make(), pair)
    forgets.reset()
    assert len(forgets.real) == len(forgets.fake) == 0


def test_real_side_is_worked_out_once_when_it_stays(pair, monkeypatch):
    metric = fill(PrecisionRecall(reset_real_features=False), pair)
    metric.compute()
    side = metric._known
    metric.reset()
    metric.update(pair[1], real=False)
    metric.compute()
    assert metric._known is side


def test_a_collection_keeps_real_features_too(pair):
    collection = MetricCollection(
        [PrecisionRecall(reset_real_features=False), FrechetDistance(reset_real_features=False)]
    )
    for _ in range(3):
        if _ == 0:
            collection.update(pair[0], real=True)
        collection.update(pair[1], real=False)
        assert collection.compute()["FrechetDistance"] == F.frechet_distance(*pair)
        collection.reset()


def test_forward_only_updates(pair):
    metric = FrechetDistance()
    for real, side in ((True, pair[0]), (False, pair[1])):
        for batch in side.split(20):
            assert metric(batch, real=real) is None
    assert metric.compute() == F.frechet_distance(*pair)


def test_index_orders_samples_and_drops_repeated_ones(pair):
    real, fake = pair
    metric, order = InceptionScore(splits=3), torch.randperm(60, generator=torch.Generator().manual_seed(1))
    metric.update(real[order], index=order)
    metric.update(real[:5], index=torch.arange(5))
    assert values(metric.compute()) == values(F.inception_score(real, 3))
    metric = FrechetDistance()
    metric.update(torch.cat([real, real[:4]]), real=True, index=torch.arange(64) % 60)
    metric.update(torch.cat([fake, fake[:4]]), real=False)  # without an index every sample counts
    assert metric.compute() == F.frechet_distance(real, torch.cat([fake, fake[:4]]))


def test_later_changes_of_a_batch_do_not_reach_the_metric(pair):
    metric, batch = FrechetDistance(), pair[0].clone()
    metric.update(batch, real=True)
    batch.zero_()
    metric.update(pair[1], real=False)
    assert metric.compute() == F.frechet_distance(*pair)


def test_copies_and_pickles(pair):
    metric = fill(PrecisionRecall(reset_real_features=False), pair)
    expected = metric.compute()
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone()):
        other._computed = None
        assert other.compute() == expected


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_errors(pair):
    with pytest.raises(ConfigError, match="call update before compute"):
        FrechetDistance().compute()
    metric = FrechetDistance()
    with pytest.raises(ConfigError, match="matrix"):
        metric.update(pair[0][:, 0], real=True)
    metric.update(pair[0], real=True)
    with pytest.raises(ConfigError, match="earlier batches have dimension 6"):
        metric.update(pair[0][:, :3], real=True)
    with pytest.raises(ConfigError, match="index"):
        metric.update(pair[0], real=True, index=torch.arange(3))
    with pytest.raises(ConfigError, match="fake=0: no samples yet"):
        metric.compute()


def test_which_way_is_better():
    assert FrechetDistance.higher_is_better is MaximumMeanDiscrepancy.higher_is_better is False
    assert (
        PrecisionRecall.higher_is_better is DensityCoverage.higher_is_better is InceptionScore.higher_is_better is True
    )


def test_import_brings_no_framework():
    assert not brought_in("evaluation.metrics", lambda _: None, {"sklearn", "wandb", "lightning"})
