"""What every datamodule of this package shares: whole batches, a seeded order, shapes before ``setup()``."""

import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader
from torchmetrics import Metric

from lightning_gans.augment.transform import Transform
from lightning_gans.data.augmentation import RandomCrop, RandomFlip
from lightning_gans.data.datasets import (
    AugmentedDataset,
    BatchedDataset,
    Derivation,
    DerivedDataset,
    UnpairedDataset,
)
from lightning_gans.data.loading import SeededDistributedSampler, StatefulDataLoader
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import FeatureExtractor


class ImageDataModule(LightningDataModule):
    """A data set of images or points; knows its shapes and ``num_classes`` before it has read anything.

    A subclass says these and writes ``load_train``; ``load_test`` and ``reference_dataset`` are the training images
    unless it says otherwise. Batches are ``(images,)`` or ``(images, labels)``; where images are made from others,
    dicts with ``"image"``, ``"source"`` and perhaps ``"label"`` or ``"mask"``.

    A run that goes on from a checkpoint sees the batches that it would have seen without the stop, bit for bit.

    Args:
        batch_size: Images per batch and process.
        num_workers: Worker processes that load batches; 0 loads in the training process.
        seed: Seed of the shuffled order, of augmentation, and of what is drawn at random. None for that of
            ``seed_everything``, or 0 where it was not called before; a run that goes on keeps the one it began with.

    Raises:
        ConfigError: A size is not positive, or the batch is larger than the data set.
    """

    image_shape: tuple[int, ...]
    """(C, H, W) of an image, or (d,) of a point."""
    num_classes: int | None
    """Number of classes; None where batches have no labels."""
    source_shape: tuple[int, ...] | None = None
    """(c, h, w) of what an image is made from; None where nothing is given."""
    flip = False
    """Whether every other training image is mirrored."""
    crop_margin = 0
    """Pixels by which training images are larger than ``image_shape``: a window is cut out at a random place."""

    def __init__(self, batch_size: int = 64, num_workers: int = 0, seed: int | None = None) -> None:
        super().__init__()
        require_positive(batch_size=batch_size)
        if num_workers < 0:
            raise ConfigError("num_workers", num_workers, "must be 0 or more")
        self.batch_size, self.num_workers, self._given_seed = batch_size, num_workers, seed
        self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0)) if seed is None else seed
        self._train: BatchedDataset | None = None
        self._test: BatchedDataset | None = None

    @abstractmethod
    def load_train(self) -> BatchedDataset:
        """Read the images that the generator shall learn, all of them."""

    def load_test(self) -> BatchedDataset:
        """Read the images of the validation and test loaders: the reference, where the data have no test part."""
        return self.reference_dataset

    def augmentations(self) -> Sequence[Transform]:
        """Random changes of the training images, applied in this order."""
        windows = [RandomCrop(*self.image_shape[1:])] if self.crop_margin else []
        return [*windows, *([RandomFlip()] if self.flip else [])]

    def features(self) -> FeatureExtractor | None:
        """The extractor that suits these images and works offline, if there is one."""
        return None

    def metrics(self) -> dict[str, Metric]:
        """Further metrics that suit these data, by name."""
        return {}

    def setup(self, stage: str | None = None) -> None:
        """Read the images, once."""
        if self._train is None:
            train = self.load_train()
            if self.batch_size > len(train):
                hint = f"the data set has {len(train)} images; choose a smaller batch"
                raise ConfigError("batch_size", self.batch_size, hint)
            self._train = train

    @property
    def train_dataset(self) -> BatchedDataset:
        """The images that the generator learns, not augmented."""
        self.setup()
        assert self._train is not None
        return self._train

    @property
    def test_dataset(self) -> BatchedDataset:
        """The images of the validation and test loaders."""
        if self._test is None:
            self._test = self.load_test()
        return self._test

    @property
    def reference_dataset(self) -> BatchedDataset:
        """The real images that samples are measured against: the training images, as papers do, not augmented."""
        return self.train_dataset

    def fingerprint(self) -> str:
        """A hash of the reference images and labels: part of every report and cache key."""
        return self.reference_dataset.fingerprint()

    def train_dataloader(self) -> StatefulDataLoader:
        """Shuffled batches of equal size; the last, smaller one of an epoch is left out.

        The order is a function of (seed, epoch), and the processes deal it out row by row: together they see the
        batches that one process would see.

        Raises:
            ConfigError: The processes together need more images for one batch than there are.
        """
        trainer = self.trainer
        world, rank = (trainer.world_size, trainer.global_rank) if trainer is not None else (1, 0)
        dataset = AugmentedDataset(self.train_dataset, self.augmentations(), self.seed)
        if self.batch_size * world > len(dataset):
            hint = f"{world} processes need a batch each, and there are {len(dataset)} images; choose a smaller batch"
            raise ConfigError("batch_size", self.batch_size, hint)
        sampler = SeededDistributedSampler(dataset, self.batch_size, world, rank, self.seed)
        loader = StatefulDataLoader(dataset, sampler=sampler, drop_last=True, **self._settings())
        if trainer is not None:
            progress = trainer.fit_loop.epoch_loop.batch_progress
            loader.processed = lambda: int(progress.total.processed)  # type: ignore[attr-defined] # Lightning types the base class
        return loader

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """The test images in order; none inside ``fit``, where steps decide when the generator is measured."""
        return [] if self.trainer is not None and self.trainer.state.fn == "fit" else self.test_dataloader()

    def test_dataloader(self) -> DataLoader[Any]:
        """The test images in order."""
        return StatefulDataLoader(AugmentedDataset(self.test_dataset), **self._settings())

    def state_dict(self) -> dict[str, Any]:
        """The seed, part of every checkpoint."""
        return {"seed": self.seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the seed of a run that goes on, unless another is given; what was read under another is read again."""
        if self._given_seed is None and state_dict["seed"] != self.seed:
            self.seed, self._train, self._test = state_dict["seed"], None, None

    def _settings(self) -> dict[str, Any]:
        workers = {"num_workers": self.num_workers, "persistent_workers": self.num_workers > 0}
        return {"batch_size": self.batch_size, "collate_fn": as_batched} | workers


class UnpairedData(ImageDataModule):
    """Sources and images that do not belong together; ``load_train`` and ``load_test`` are ``UnpairedDataset``s."""

    num_classes: int | None = None
    paired = False
    """Whether the image beside a held-out source is its target."""

    @property
    def reference_dataset(self) -> BatchedDataset:
        """The images that are held out, each once."""
        test = self.test_dataset
        assert isinstance(test, UnpairedDataset)
        return test.images


class DerivedData(ImageDataModule):
    """A datamodule whose items are made from its images: a class to stand before one that has a test part.

    Metrics are of what is held out. Labels are left out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_classes = None

    @abstractmethod
    def derivation(self) -> Derivation:
        """How."""

    def load_train(self) -> BatchedDataset:
        """The training images, with what is made from them."""
        images = super().load_train()  # type: ignore[safe-super] # of the class that this one stands before
        return DerivedDataset(images, self.derivation(), super().augmentations())

    def load_test(self) -> BatchedDataset:
        """Those that are held out, likewise."""
        return DerivedDataset(super().load_test(), self.derivation())

    def augmentations(self) -> Sequence[Transform]:
        """None: images are augmented before anything is made from them."""
        return []

    @property
    def reference_dataset(self) -> BatchedDataset:
        """What is held out: a model that has seen the answer proves nothing."""
        return self.test_dataset


def as_batched(batch: Any) -> Any:
    """The collate function for a data set that returns whole batches: nothing left to do."""
    return batch


def require_positive(**settings: float) -> None:
    """Refuse settings, given by name, that are not positive."""
    for name, value in settings.items():
        if value <= 0:
            raise ConfigError(name, value, "must be positive")
