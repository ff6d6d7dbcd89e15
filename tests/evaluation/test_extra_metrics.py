"""What torchmetrics metrics are fed with follows from the names in ``update``; images and targets stay aligned."""

import json

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.utils.data import Subset, TensorDataset
from torchmetrics import Metric

from lightning_gans import ConfigError
from lightning_gans.batch import Condition
from lightning_gans.errors import LightningGANsWarning
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.extra_metrics import ExtraMetrics
from lightning_gans.evaluation.features import FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.metrics import hue_metrics, paired_metrics
from lightning_gans.evaluation.sources import DatasetSource, ReconstructedSource, TranslatedSource
from lightning_gans.images import from_uint8

N, NOTHING = 24, Condition()


class Pairs(torch.utils.data.Dataset):
    """Pair i is a gray drawing of level 8 i and an RGB picture of level 10 i."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        source = torch.full((1, 12, 12), 8 * index, dtype=torch.uint8)
        return {
            "image": from_uint8(torch.full((3, 12, 12), 10 * index, dtype=torch.uint8)),
            "source": from_uint8(source),
        }


class Off:
    """A translator that is off the target of pair i by ``error`` levels, and knows pairs by their drawings."""

    def __init__(self, error=0):
        self.error, self.calls = error, []

    def generate(self, condition, *, n, seed=0, start=0, ema=True):
        assert len(condition.source) == n
        self.calls.append((start, n, seed, ema))
        index = ((condition.source[:, 0, 0, 0] + 1) * 127.5 / 8).round()
        return ((10 * index + self.error) / 127.5 - 1)[:, None, None, None].expand(n, 3, 12, 12)

    def translate(self, images, *, seed=0, ema=True):
        return self.generate(Condition(source=images), n=len(images), seed=seed, ema=ema)


class Recorder(Metric):
    """Remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def compute(self):
        return self.count


class OfPairs(Recorder):
    def update(self, preds, target):
        self.seen.append((preds, target))
        self.count += len(preds)


class OfTriples(Recorder):
    def update(self, preds, target, source):
        self.seen.append((preds, target, source))
        self.count += len(preds)


class OfBoth(Recorder):
    def update(self, images, real):
        self.seen.append((images, real))
        self.count += len(images)


class OfImages(Recorder):
    def update(self, images):
        self.seen.append(images)
        self.count += len(images)


class OfSources(Recorder):
    def update(self, image_source):
        self.seen.append(image_source)
        self.count += len(image_source)


def translated(error=0, **kwargs):
    return TranslatedSource(Off(error), Pairs(), **kwargs)


def real():
    return DatasetSource(TensorDataset(torch.arange(N, dtype=torch.uint8)[:, None, None, None].expand(N, 3, 12, 12)))


def test_the_names_in_update_say_what_a_metric_gets():
    metrics = {kind.__name__: kind() for kind in (OfPairs, OfTriples, OfBoth, OfImages, OfSources)}
    fake = translated()
    values = ExtraMetrics(metrics, batch_size=10).compute(fake, real())
    assert [call[0] for call in fake.model.calls] == [0, 10, 20], "generated once for all"
    assert values == {"OfPairs": N, "OfTriples": N, "OfBoth": 2 * N, "OfImages": N, "OfSources": N}
    assert metrics["OfSources"].seen == [fake]
    assert [len(images) for images in metrics["OfImages"].seen] == [10, 10, 4]
    assert {images.dtype for images in metrics["OfImages"].seen} == {torch.uint8}
    assert [is_real for _, is_real in metrics["OfBoth"].seen] == [True] * 3 + [False] * 3
    preds, target, source = (torch.cat(parts) for parts in zip(*metrics["OfTriples"].seen, strict=True))
    index = torch.arange(N)[:, None, None, None]
    torch.testing.assert_close(target, (index * 10 / 255).expand(N, 3, 12, 12))
    torch.testing.assert_close(source, (index * 8 / 255).expand(N, 1, 12, 12))
    torch.testing.assert_close(preds, target)


def test_figures_of_pairs_in_closed_form():
    values = ExtraMetrics(paired_metrics(), batch_size=7).compute(translated(error=5), real())
    assert values["l1"] == pytest.approx(5 / 255, abs=1e-6)
    assert values["psnr"] == pytest.approx(20 * torch.log10(torch.tensor(255 / 5)).item(), abs=1e-3)
    assert 0.9 < values["ssim"] < 1
    assert ExtraMetrics(paired_metrics(), 7).compute(translated(), real())["ssim"] == pytest.approx(1, abs=1e-3)


def test_an_evaluation_reports_figures_of_pairs_and_says_which_pairs():
    class Mean(FeatureExtractor):
        preprocessing = "none"

        def extract(self, images):
            return FeatureBatch(images.float().mean((2, 3)))

    evaluator = Evaluator(Mean("mean"), cache=None, extra_metrics=paired_metrics() | hue_metrics())
    report = evaluator.evaluate(translated(error=5, seed=3), real())
    assert report.values["l1"] == pytest.approx(5 / 255, abs=1e-6)
    assert report.values["hue_entropy"] == 0, "all is gray"
    fake = report.provenance["fake"]
    assert (fake["kind"], fake["seed"], fake["count"]) == ("Off", 3, N)
    assert (fake["conditions"]["kind"], fake["conditions"]["paired"]) == ("Pairs", True)
    ways = evaluator.higher_is_better_by_name()
    assert (ways["l1"], ways["psnr"], ways["hue_entropy"], ways["fid_mean"]) == (False, True, None, False)
    assert report.values.keys() <= ways.keys()


def test_images_without_targets_leave_figures_of_pairs_out_with_a_warning():
    images = DatasetSource(Pairs())
    with pytest.warns(LightningGANsWarning, match=r"no psnr: it compares pairs.*no targets"):
        assert ExtraMetrics({"psnr": OfPairs()}, 8).compute(images, real()) == {}
    with pytest.warns(LightningGANsWarning, match="no targets"):
        assert ExtraMetrics({"psnr": OfPairs()}, 8).compute(translated(paired=False), real()) == {}

    class Autoencoder:
        def encode(self, images, condition=NOTHING, *, ema=True):
            return images

        def reconstruct(self, images, condition=NOTHING, *, ema=True):
            return images

    rebuilt = ReconstructedSource(Autoencoder(), real())
    with pytest.warns(LightningGANsWarning, match="no source images"):
        assert ExtraMetrics({"hue": OfTriples()}, 8).compute(rebuilt, real()) == {}
    assert ExtraMetrics(paired_metrics(), 8).compute(rebuilt, real())["l1"] == 0


def test_the_slice_asked_for_is_generated_by_index():
    source = translated(error=2, seed=5, ema=False)
    assert len(source) == N
    assert source.images(3, 6)[:, 0, 0, 0].tolist() == [32, 42, 52]
    assert source.targets(3, 6)[:, 0, 0, 0].tolist() == [30, 40, 50]
    assert source.model.calls == [(3, 3, 5, False)]
    assert torch.equal(source.images(0, 9)[3:6], source.images(3, 6))


def test_items_of_any_form():
    images, drawings = torch.rand(4, 3, 8, 8) * 2 - 1, torch.rand(4, 1, 8, 8) * 2 - 1
    tuples = TranslatedSource(Off(), TensorDataset(images, drawings))
    assert torch.equal(tuples.condition(1, 3).source, drawings[1:3])
    assert tuples.targets(1, 3).dtype == torch.uint8
    levels = TranslatedSource(Off(), [{"source": drawing, "name": "a", "other": None} for drawing in drawings])
    assert torch.equal(levels.condition(0, 4).source, drawings)
    assert levels.targets(0, 4) is None
    alone = TranslatedSource(Off(), TensorDataset(drawings))
    assert torch.equal(alone.condition(2, 4).source, drawings[2:])
    assert alone.targets(2, 4) is None, "an image and nothing else is what to translate"
    some = TranslatedSource(Off(), Subset(Pairs(), [4, 2]))
    assert some.targets(0, 2)[:, 0, 0, 0].tolist() == [40, 20]
    as_files_hold_them = DatasetSource([(torch.zeros(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8))])
    assert float(as_files_hold_them.condition(0, 1).source.max()) == -1
    with pytest.raises(ConfigError, match="at least one image"):
        TranslatedSource(Off(), TensorDataset(images[:0]))


def test_provenance_tells_pairs_apart():
    images, drawings = torch.zeros(4, 3, 8, 8), torch.zeros(4, 1, 8, 8)
    one, same, other = (TranslatedSource(Off(), TensorDataset(images, d)) for d in (drawings, drawings, drawings + 0.5))
    assert one.provenance() == same.provenance() != other.provenance()
    labels = [DatasetSource(TensorDataset(images, torch.full((4,), label))).provenance() for label in (0, 1)]
    assert labels[0] == labels[1], "the images are the same"


def process(rank, world, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/init", rank=rank, world_size=world)
    torch.set_num_threads(1)
    values = ExtraMetrics(paired_metrics(), batch_size=3).compute(translated(error=5), real())
    few = TranslatedSource(Off(7), Subset(Pairs(), [0, 1, 2, 3]))  # of three processes one has two pairs
    values["psnr_of_few"] = ExtraMetrics({"psnr": paired_metrics()["psnr"]}, 3).compute(few, real())["psnr"]
    (path / f"{rank}.json").write_text(json.dumps(values))
    dist.destroy_process_group()


def test_processes_share_the_pairs(tmp_path):
    mp.start_processes(process, (3, tmp_path), nprocs=3, start_method="fork")  # spawned ones import all again
    alone = ExtraMetrics(paired_metrics(), batch_size=3).compute(translated(error=5), real())
    for rank in range(3):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found.pop("psnr_of_few") == pytest.approx(20 * torch.log10(torch.tensor(255 / 7)).item(), abs=1e-3)
        assert found == pytest.approx(alone, rel=1e-5)
