"""Data sets that hand out whole batches: images in memory, points in memory, images in files."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from lightning_gans.data.augmentation import Augmentation, uniforms
from lightning_gans.data.files import read_image
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8


class BatchedDataset(Dataset[tuple[Tensor, ...]]):
    """Items by number, and whole batches at once, which is several times as fast as collating single items."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """A whole batch: floats (B, ...), and int64 labels (B,) where there are any."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything in it."""

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(part[0] for part in self.__getitems__([index]))


class ImageDataset(BatchedDataset):
    """uint8 images and their labels in memory; items are float images in [-1, 1] and int64 labels.

    Args:
        images: uint8 images (N, C, H, W).
        labels: Class labels (N,), int64; None where there are no classes.
    """

    def __init__(self, images: Tensor, labels: Tensor | None) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Images (B, C, H, W) in [-1, 1] and labels (B,)."""
        chosen = torch.as_tensor(indices)
        images = from_uint8(self.images[chosen])
        return (images,) if self.labels is None else (images, self.labels[chosen])

    def centered(self, side: int) -> "ImageDataset":
        """The middle of every image."""
        top, left = ((size - side) // 2 for size in self.images.shape[2:])
        return ImageDataset(self.images[:, :, top : top + side, left : left + side], self.labels)

    def fingerprint(self) -> str:
        """A hash of shape, pixels and labels."""
        return _hash_of(self.images, self.labels)


class PointDataset(BatchedDataset):
    """Float points and their labels in memory.

    Args:
        points: float32 points (N, d).
        labels: Class labels (N,), int64.
    """

    def __init__(self, points: Tensor, labels: Tensor) -> None:
        self.points, self.labels = points, labels

    def __len__(self) -> int:
        return len(self.points)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Points (B, d) and labels (B,)."""
        chosen = torch.as_tensor(indices)
        return self.points[chosen], self.labels[chosen]

    def fingerprint(self) -> str:
        """A hash of shape, points and labels."""
        return _hash_of(self.points, self.labels)


class FileDataset(BatchedDataset):
    """Images in files, decoded whenever they are asked for; items are float images in [-1, 1] and int64 labels.

    Args:
        files: The files.
        labels: Class labels (N,), int64; None where there are no classes.
        channels: 1 for gray, 3 for RGB.
        side: Height and width to which images are resized and cropped.
        crop: Side of the middle that is kept of that; None for all of it.
    """

    def __init__(
        self, files: Sequence[Path], labels: Tensor | None, channels: int, side: int, crop: int | None = None
    ) -> None:
        self.files, self.labels = files, labels
        self.channels, self.side, self.crop = channels, side, crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Images (B, C, H, W) in [-1, 1] and labels (B,).

        Raises:
            ConfigError: A file cannot be read.
        """
        pixels = torch.stack([read_image(self.files[index], self.channels, self.side) for index in indices])
        part = ImageDataset(pixels, None if self.labels is None else self.labels[torch.as_tensor(indices)])
        return (part if self.crop is None else part.centered(self.crop)).__getitems__(range(len(indices)))

    def centered(self, side: int) -> "FileDataset":
        """The middle of every image."""
        return FileDataset(self.files, self.labels, self.channels, self.side, side)

    def fingerprint(self) -> str:
        """A hash of what the files contain, of labels and sizes; nothing is decoded."""
        digest = hashlib.sha256(repr((self.channels, self.side, self.crop)).encode())
        for file in self.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        if self.labels is not None:
            digest.update(self.labels.numpy().tobytes())
        return digest.hexdigest()


class Served(Dataset[tuple[Tensor, ...] | ConfigError]):
    """What a loader hands out: row ``epoch * N + i`` is item i as it looks in that epoch.

    So augmentation is a function of (seed, epoch, index), on any number of workers and processes. What is the user's
    to mend travels as a value, since torch turns exceptions of workers into text.

    Args:
        dataset: The items.
        augmentations: Applied in this order.
        seed: Selects the random numbers of the augmentations.
    """

    def __init__(self, dataset: BatchedDataset, augmentations: Sequence[Augmentation] = (), seed: int = 0) -> None:
        self.dataset, self.augmentations, self.seed = dataset, augmentations, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, rows: Sequence[int]) -> tuple[Tensor, ...] | ConfigError:
        """A whole batch, augmented."""
        try:
            count = len(self.dataset)
            images, *labels = self.dataset.__getitems__([row % count for row in rows])
        except ConfigError as error:
            return error
        for index, augmentation in enumerate(self.augmentations):
            images = augmentation(images, uniforms(self.seed, index, rows, augmentation.draws))
        return images, *labels


def _hash_of(values: Tensor, labels: Tensor | None) -> str:
    digest = hashlib.sha256(repr(tuple(values.shape)).encode())
    digest.update(values.contiguous().numpy().tobytes())
    if labels is not None:
        digest.update(labels.contiguous().numpy().tobytes())
    return digest.hexdigest()
