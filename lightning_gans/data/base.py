"""What every datamodule of this package shares: images in memory, a seeded order, facts before ``setup()``."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from lightning_gans.errors import SettingError
from lightning_gans.features import Extractor
from lightning_gans.images import from_uint8


class ImageDataset(Dataset[tuple[Tensor, Tensor]]):
    """uint8 images and their labels in memory; items are float images in [-1, 1] and int64 labels.

    Whole batches are indexed at once (``__getitems__``), which is several times as fast as collating single items.

    Args:
        images: uint8 images (N, C, H, W).
        labels: Class labels (N,), int64.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return from_uint8(self.images[index]), self.labels[index]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch: images (B, C, H, W) in [-1, 1] and labels (B,)."""
        chosen = torch.as_tensor(indices)
        return from_uint8(self.images[chosen]), self.labels[chosen]


def as_batched(batch: Any) -> Any:
    """The collate function for a data set that returns whole batches: nothing left to do."""
    return batch


class ImageData(LightningDataModule):
    """A data set of images; knows ``image_shape`` and ``num_classes`` before it has read anything.

    Args:
        batch_size: Images per batch and process.
        num_workers: Worker processes that load batches; 0 loads in the training process.
        seed: Seed of the shuffled order.

    Raises:
        SettingError: A size is not positive, or the batch is larger than the data set.
    """

    image_shape: tuple[int, int, int]
    num_classes: int | None

    def __init__(self, batch_size: int = 64, num_workers: int = 0, seed: int = 0) -> None:
        super().__init__()
        if batch_size < 1:
            raise SettingError("batch_size", batch_size, "must be positive")
        if num_workers < 0:
            raise SettingError("num_workers", num_workers, "must be 0 or more")
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self._train: ImageDataset | None = None

    @abstractmethod
    def load(self) -> ImageDataset:
        """Read the images that the generator shall learn, all of them."""

    def setup(self, stage: str | None = None) -> None:
        """Read the images, once."""
        if self._train is None:
            self._train = self.load()
            if self.batch_size > len(self._train):
                remedy = f"the data set has {len(self._train)} images; choose a smaller batch"
                raise SettingError("batch_size", self.batch_size, remedy)

    @property
    def train_set(self) -> ImageDataset:
        """The images that the generator learns."""
        self.setup()
        assert self._train is not None
        return self._train

    def reference(self) -> ImageDataset:
        """The real images that samples are measured against: the training images, as papers do, not augmented."""
        return self.train_set

    def features(self) -> Extractor | None:
        """The extractor that suits these images and works offline, if there is one."""
        return None

    def fingerprint(self) -> str:
        """A hash of the reference images and labels: part of every protocol and cache key."""
        reference = self.reference()
        digest = hashlib.sha256(repr(tuple(reference.images.shape)).encode())
        digest.update(reference.images.contiguous().numpy().tobytes())
        digest.update(reference.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """Shuffled batches of equal size; the last, smaller one of an epoch is left out.

        The order is a function of (seed, epoch), and the processes deal it out row by row: together they see the
        batches that one process would see.
        """
        world, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer is not None else (1, 0)
        order: DistributedSampler[tuple[Tensor, Tensor]] = DistributedSampler(
            self.train_set, world, rank, shuffle=True, seed=self.seed, drop_last=True
        )
        return self._loader(self.train_set, sampler=order, drop_last=True)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]] | list[DataLoader[tuple[Tensor, Tensor]]]:
        """The reference images in order; none inside ``fit``, where rounds decide when the generator is judged."""
        if self.trainer is not None and self.trainer.state.fn == "fit":
            return []
        return self._loader(self.reference(), sampler=None, drop_last=False)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """The reference images in order."""
        return self._loader(self.reference(), sampler=None, drop_last=False)

    def _loader(
        self, dataset: ImageDataset, sampler: Sampler[Any] | None, drop_last: bool
    ) -> DataLoader[tuple[Tensor, Tensor]]:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=as_batched,
            drop_last=drop_last,
        )
