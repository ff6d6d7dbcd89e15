"""Translators that know a way back, measured both ways on images whose classes are known."""

import json
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.utils.data import Subset, TensorDataset

from lightning_gans.batch import Condition
from lightning_gans.data import ImageDataset, UnpairedDataset
from lightning_gans.engine import Translator
from lightning_gans.evaluation.extra_metrics import ExtraMetrics
from lightning_gans.evaluation.metrics import ClassAgreement, SlicedWasserstein
from lightning_gans.evaluation.sources import DatasetSource, TranslatedSource
from lightning_gans.images import from_uint8, to_uint8

CLASSES = torch.arange(10)


def levels(classes, channels):
    """Images of 8 x 8 pixels whose level is 20 times their class."""
    return (20 * classes).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, channels, 8, 8)


class Both(Translator):
    """Gray sources to RGB images and back; the class grows by ``off`` on the way, as far as it goes."""

    directions: ClassVar = {"AtoB": "generator", "BtoA": "generator"}

    def __init__(self, off=0):
        super().__init__(nn.Identity())
        self.off, self.calls = off, []

    def generate(self, condition, *, n, seed=0, start=0, ema=True, direction="AtoB"):
        assert len(condition.source) == n
        self.calls.append((direction, start, n, seed, ema))
        there = to_uint8(condition.source)[:, :1].float() + 20 * self.off
        return from_uint8(there).expand(n, {"AtoB": 3, "BtoA": 1}[direction], 8, 8)


class OneWay(Both):
    directions: ClassVar = {"AtoB": "generator"}


class Reader(nn.Module):
    """Reads the class from the level, of images of so many channels."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == self.channels
        found = images[:, 0, 0, 0].float().div(20).round().long()
        return SimpleNamespace(logits=nn.functional.one_hot(found, 20).float())


READERS = Reader(1), Reader(3)


def unpaired(sources=CLASSES, images=CLASSES):
    return UnpairedDataset(ImageDataset(levels(sources, 1), sources), ImageDataset(levels(images, 3), images))


def agreement(model, sources=CLASSES, images=CLASSES, readers=READERS, rows=None):
    dataset = unpaired(sources, images)
    fake = TranslatedSource(model, dataset if rows is None else Subset(dataset, rows), paired=False)
    metrics = {"agreement": ClassAgreement(sources, images, *readers)}
    return ExtraMetrics(metrics, 4).compute(fake, DatasetSource(dataset))


def test_the_way_back_translates_images_and_its_targets_are_the_sources():
    pairs = [
        {"source": source, "image": image}
        for source, image in zip(levels(CLASSES, 1), levels(9 - CLASSES, 3), strict=True)
    ]
    source = TranslatedSource(Both(), pairs, seed=3, ema=False)
    back = source.reversed()
    assert torch.equal(back.images(2, 5), levels(9 - CLASSES, 1)[2:5])
    assert torch.equal(back.targets(2, 5), levels(CLASSES, 1)[2:5])
    assert torch.equal(to_uint8(back.condition(2, 5).source), levels(9 - CLASSES, 3)[2:5])
    assert back.model.calls == [("BtoA", 2, 3, 3, False)]
    assert back.provenance() == source.provenance() | {"direction": "BtoA"}
    assert back.reversed() is None
    assert TranslatedSource(Both(), pairs, paired=False).reversed().targets(0, 1) is None
    assert TranslatedSource(OneWay(), pairs).reversed() is None
    assert DatasetSource(pairs).reversed() is None


def test_agreement_both_ways():
    assert agreement(Both()) == {"agreement_to_image": 1, "agreement_to_source": 1}
    assert agreement(Both(off=1)) == {"agreement_to_image": 0, "agreement_to_source": 0}
    shuffled = CLASSES.roll(3)
    assert agreement(Both(), images=shuffled) == {"agreement_to_image": 1, "agreement_to_source": 1}, "no pairs"


def test_only_the_ways_that_model_and_classifiers_know():
    assert agreement(OneWay()) == {"agreement_to_image": 1}
    assert agreement(Both(), readers=(Reader(1), None)) == {"agreement_to_source": 1}
    assert agreement(OneWay(), readers=(Reader(1), None)) == {}
    metric = ClassAgreement(CLASSES, CLASSES, None, Reader(3))
    assert metric.higher_is_better_by_name == {"agreement_to_image": True}


class Sevens(Both):
    """Whatever is given becomes a seven."""

    def generate(self, condition, *, n, direction="AtoB", **_):
        return from_uint8(levels(torch.full((n,), 7), {"AtoB": 3, "BtoA": 1}[direction]))


def test_each_image_counts_once_and_some_of_the_items_keep_their_classes():
    few = torch.tensor([7, 7, 3])
    assert agreement(Sevens(), sources=few) == {
        "agreement_to_image": pytest.approx(2 / 3),  # not 7 of the 10 items, where the three come again
        "agreement_to_source": pytest.approx(0.1),
    }
    assert agreement(Both(), sources=CLASSES.flip(0), rows=[1, 4, 8]) == {
        "agreement_to_image": 1,
        "agreement_to_source": 1,
    }
    nested = Subset(Subset(unpaired(), [5, 6, 9, 2]), [3, 1])
    assert TranslatedSource(Both(), nested).numbers().tolist() == [2, 6]


def shared():
    """Figures of translations that several processes share, of unequal slices."""
    random = torch.Generator().manual_seed(0)
    sides = [torch.randint(256, (n, 3, 16, 16), dtype=torch.uint8, generator=random) for n in (5, 7)]
    fake, real = (DatasetSource(TensorDataset(part)) for part in sides)
    swd = ExtraMetrics({"swd": SlicedWasserstein()}, 2).compute(fake, real)
    return swd | agreement(Sevens(), sources=torch.tensor([7, 7, 3]))


def process(rank, world, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/init", rank=rank, world_size=world)
    torch.set_num_threads(1)
    (path / f"{rank}.json").write_text(json.dumps(shared()))
    dist.destroy_process_group()


def test_processes_share_the_translations(tmp_path):
    mp.start_processes(process, (2, tmp_path), nprocs=2, start_method="fork")
    alone = shared()
    assert alone.keys() == {"agreement_to_image", "agreement_to_source", "swd", "swd_16"}
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)] == [pytest.approx(alone)] * 2


def test_models_of_users_may_know_no_direction():
    class Plain:
        def generate(self, condition, *, n, seed=0, start=0, ema=True):
            return condition.source

        def translate(self, images, *, seed=0, ema=True):
            return self.generate(Condition(source=images), n=len(images))

    source = TranslatedSource(Plain(), unpaired())
    assert torch.equal(source.images(0, 3), levels(CLASSES, 1)[:3])
    assert source.reversed() is None
