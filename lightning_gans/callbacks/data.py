"""What a run's data tell beside their batches: the one place that asks a datamodule for what it may or may not have."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import Dataset, Subset
from torchmetrics import Metric

from lightning_gans.batch import Batch
from lightning_gans.evaluation.features import FeatureExtractor
from lightning_gans.evaluation.sources import DatasetSource
from lightning_gans.images import from_uint8

NO_IMAGES = "needs a model with sample(n, seed=..., start=...), as GAN has, or with translate(images, seed=...)"
"""What is wrong with a model that makes none."""


def real_images(trainer: Trainer) -> Dataset[Any] | None:
    """What samples are compared with: ``datamodule.reference_dataset``, or else the data set of the running loop."""
    return _indexed(_told(trainer, "reference_dataset"), _running_loader(trainer))


def held_out_pairs(trainer: Trainer) -> Dataset[Any] | None:
    """Pairs to measure a translator on: ``datamodule.test_dataset``, or a validation, test or training data set."""
    held_out = trainer.val_dataloaders if trainer.training else None
    return _indexed(_told(trainer, "test_dataset"), held_out or _running_loader(trainer))


def translation_targets(trainer: Trainer) -> Dataset[Any] | None:
    """What translations are compared with as a set: the images of held-out pairs.

    Without pairs it is ``datamodule.reference_dataset``, if there is one, which has each image once.
    """
    found = None if are_paired(trainer) else _indexed(_told(trainer, "reference_dataset"), None)
    return held_out_pairs(trainer) if found is None else found


def are_paired(trainer: Trainer) -> bool:
    """Whether the images of held-out pairs are the targets of their sources: ``datamodule.paired``, or True."""
    return _told(trainer, "paired") is not False


def data_features(trainer: Trainer) -> FeatureExtractor | None:
    """The extractor that suits the data: ``datamodule.features()``, or None."""
    ask: Callable[[], FeatureExtractor | None] | None = _told(trainer, "features")
    return None if ask is None else ask()


def data_metrics(trainer: Trainer) -> dict[str, Metric]:
    """Further metrics that suit the data, by name: ``datamodule.metrics()``, or none."""
    ask = _told(trainer, "metrics")
    return {} if ask is None else ask() or {}


def mode_centers(trainer: Trainer) -> Tensor | None:
    """Centers of the data's modes (K, d): ``datamodule.means``, or None."""
    found: Tensor | None = _told(trainer, "means")
    return found


def spread_batch(dataset: Dataset[Any], num: int) -> Batch:
    """Some items as a batch on the CPU, images in [-1, 1]; see ``spread``."""
    source = DatasetSource(spread(dataset, num))
    image, condition = source.batch(0, len(source)).image, source.condition(0, len(source))
    return Batch(from_uint8(image) if image is not None and image.dtype == torch.uint8 else image, condition)


def captions_of(dataset: Dataset[Any], num: int) -> list[str]:
    """The captions of the same items; empty ones where the data set has no ``captions(index)``."""
    found = spread(dataset, num)
    rows = found.indices if isinstance(found, Subset) else range(min(num, len(dataset)))  # type: ignore[arg-type]
    ask: Callable[[int], Sequence[str]] = getattr(dataset, "captions", lambda row: [""])
    return [ask(row)[0] for row in rows]


def spread(dataset: Dataset[Any], num: int) -> Dataset[Any]:
    """``num`` items at equal distances, since folders are ordered by class; all of them where there are fewer.

    Example:
        >>> list(spread(range(10), 4)), list(spread(range(2), 4))
        ([0, 3, 6, 9], [0, 1])
    """
    total = len(dataset)  # type: ignore[arg-type] # torch's Dataset declares no length
    return Subset(dataset, torch.linspace(0, total - 1, num).long().tolist()) if num < total else dataset


def _told(trainer: Trainer, name: str) -> Any:
    return getattr(getattr(trainer, "datamodule", None), name, None)


def _running_loader(trainer: Trainer) -> Any:
    if trainer.validating:
        return trainer.val_dataloaders
    return trainer.test_dataloaders if trainer.testing else trainer.train_dataloader


def _indexed(dataset: Any, loader: Any) -> Dataset[Any] | None:
    """A data set, or else that of a loader or of the first of several, if it has items and a length."""
    if dataset is None:
        dataset = getattr(loader[0] if isinstance(loader, list) else loader, "dataset", None)
    return dataset if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") else None
