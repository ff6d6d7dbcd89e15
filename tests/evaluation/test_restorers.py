"""What enlarges and what completes, measured on held-out data: figures that are known without training."""

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics import Metric

from lightning_gans import ConfigError
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import BatchedDataset
from lightning_gans.engine import Player, Translator
from lightning_gans.errors import LightningGANsWarning
from lightning_gans.evaluation.extra_metrics import ExtraMetrics
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.metrics import HoleQuality, RestorationQuality, SlicedWasserstein
from lightning_gans.evaluation.sources import DatasetSource, TranslatedSource
from lightning_gans.images import from_uint8
from tests.games import SGD

SIDE, COUNT = 32, 24


def pictures(count=COUNT, seed=0):
    """Checkers of 4 x 4 pixels in random colors, of 8 bits: (N, 3, 32, 32) in [-1, 1]."""
    levels = torch.randint(0, 200, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    return from_uint8(levels.byte()).repeat_interleave(4, 2).repeat_interleave(4, 3)


class Items(BatchedDataset):
    """Pictures in [-1, 1], and what is made from them."""

    def __init__(self, **parts):
        self.parts = parts

    def __len__(self):
        return len(self.parts["image"])

    def __getitems__(self, indices):
        return {name: part[torch.as_tensor(indices)] for name, part in self.parts.items()}

    def fingerprint(self):
        return DatasetSource(TensorDataset(*self.parts.values()))._hash()


def small():
    image = pictures()
    return Items(image=image, source=image[..., ::4, ::4])


def holed():
    """A hole of another size in each picture."""
    image, mask = pictures(), torch.zeros(COUNT, 1, SIDE, SIDE)
    for number in range(COUNT):
        mask[number, :, 4 : 8 + number, 4:28] = 1
    return Items(image=image, source=image.masked_fill(mask.bool(), 0), mask=mask)


class Restorer(Translator):
    def players(self):
        return [Player("generator", self.loss, [self.generator], SGD)]

    def loss(self, batch):
        return (self.generator(*batch.condition.tensors()) - batch.images).abs().mean()


class Completer(Restorer):
    given = ("source", "mask")


class Nearest(nn.Module):
    """The colors of the small picture, each shifted."""

    scale = 4

    def __init__(self, shift):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, source):
        return source.repeat_interleave(4, 2).repeat_interleave(4, 3) + self.shift


class Fill(nn.Module):
    """One color in the holes."""

    def __init__(self, color):
        super().__init__()
        self.color = nn.Parameter(torch.tensor(color))

    def forward(self, source, mask):
        return torch.where(mask > 0, self.color, source)


class Data(ImageDataModule):
    image_shape, num_classes = (3, SIDE, SIDE), None

    def __init__(self, items, metrics):
        super().__init__(batch_size=8)
        self.items, self.own = items, metrics

    def load_train(self):
        return self.items

    load_test = load_train

    def features(self):
        return RandomFeatures()

    def metrics(self):
        return self.own


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))


def validated(model, items, **metrics):
    """What ``lightning_gans validate`` says."""
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    trainer = Trainer(accelerator="cpu", callbacks=[MetricsCallback(num_samples=COUNT)], **quiet)
    (found,) = trainer.validate(model, datamodule=Data(items, metrics), verbose=False)
    return {name.removeprefix("metrics/"): value for name, value in found.items()}


def test_images_larger_than_their_sources_are_measured():
    model = Restorer(Nearest(5 / 127.5), source_shape=(3, 8, 8))
    found = validated(model, small(), quality=RestorationQuality(border=4), swd=SlicedWasserstein())
    error = 20 * torch.tensor(255 / 5).log10()
    assert found["psnr"] == pytest.approx(float(error), abs=1e-3)
    assert found["psnr_y"] == pytest.approx(float(error + 20 * torch.tensor(255 / 219).log10()), abs=1e-3)
    assert found["sharpness"] == pytest.approx(1, abs=1e-4)
    assert 0.9 < found["ssim_y"] < 1
    assert {"swd", "swd_32", "fid_random"} <= found.keys()
    exact = validated(Restorer(Nearest(0.0), source_shape=(3, 8, 8)), small(), swd=SlicedWasserstein())
    assert (exact["swd"], exact["fid_random"]) == (0, pytest.approx(0, abs=1e-3))


def test_masks_reach_the_metrics_that_take_them():
    items = holed()
    found = validated(Completer(Fill(0.0), source_shape=(3, SIDE, SIDE)), items, hole=HoleQuality())
    gray = torch.tensor(128 / 255)  # 0 as a file holds it
    hole = items.parts["mask"].bool().expand(-1, 3, -1, -1)
    errors = [((image[there] + 1) / 2 - gray).double() for image, there in zip(items.parts["image"], hole, strict=True)]
    squared = torch.stack([error.square().mean() for error in errors])
    assert found["hole_l1"] == pytest.approx(100 * float(torch.stack([e.abs().mean() for e in errors]).mean()), 1e-4)
    assert found["hole_l2"] == pytest.approx(100 * float(squared.mean()), 1e-4)
    assert found["hole_psnr"] == pytest.approx(float(-10 * squared.log10().mean()), 1e-4)


def test_images_without_masks_leave_figures_of_holes_out_with_a_warning():
    model = Restorer(Nearest(0.0), source_shape=(3, 8, 8))
    real = DatasetSource(small())
    with pytest.warns(LightningGANsWarning, match=r"no hole: it compares pairs.*no masks"):
        found = ExtraMetrics({"hole": HoleQuality()}, 8).compute(TranslatedSource(model, small()), real)
    assert found == {}


def test_a_mask_is_handed_on_as_it_is():
    class Recorder(Metric):
        def __init__(self):
            super().__init__()
            self.seen = []

        def update(self, preds, target, mask):
            self.seen.append(mask)

        def compute(self):
            return torch.tensor(0.0)

    recorder, items = Recorder(), holed()
    fake = TranslatedSource(Completer(Fill(0.0), source_shape=(3, SIDE, SIDE)), items)
    ExtraMetrics({"mask": recorder}, 10).compute(fake, DatasetSource(items))
    assert torch.equal(torch.cat(recorder.seen), items.parts["mask"])
    assert torch.equal(fake.condition(3, 5).mask, items.parts["mask"][3:5])


def test_provenance_tells_masks_apart():
    image, mask = pictures(4), torch.zeros(4, 1, SIDE, SIDE)
    other = mask.clone()
    other[3, 0, 0, 0] = 1

    def hashed(mask):
        dataset = [{"image": i, "source": i, "mask": m} for i, m in zip(image, mask, strict=True)]
        return DatasetSource(dataset).provenance()["sha256"]

    assert hashed(mask) == hashed(mask.clone()) != hashed(other)
    assert hashed(mask.bool()) != hashed(other.bool())


def test_a_model_that_is_given_masks_says_that_there_are_none():
    fake = TranslatedSource(Completer(Fill(0.0), source_shape=(3, 8, 8)), small())
    with pytest.raises(ConfigError, match="given a mask, and the batch has none"):
        fake.images(0, 4)
