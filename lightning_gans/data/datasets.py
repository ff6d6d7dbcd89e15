"""Data sets that hand out whole batches: images, pairs and points in memory, images in files."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from lightning_gans.augment.transform import Transform
from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.files import read_image
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8

Items = tuple[Tensor, ...] | dict[str, Tensor]
"""A batch or an item: (images,), (images, labels), or a dict with ``"image"``, ``"source"`` and perhaps ``"label"``."""

_PICTURES = ("image", "source")  # the parts of a dict that are augmented


class BatchedDataset(Dataset[Items]):
    """Items by number, and whole batches at once, which is several times as fast as collating single items."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitems__(self, indices: Sequence[int]) -> Items:
        """A whole batch: float images (B, ...); sources (B, ...), int64 labels (B,) where there are any."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything in it."""

    def __getitem__(self, index: int) -> Items:
        batch = self.__getitems__([index])
        if isinstance(batch, dict):
            return {name: part[0] for name, part in batch.items()}
        return tuple(part[0] for part in batch)


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

    def center_crop(self, side: int) -> "ImageDataset":
        """The middle of every image."""
        top, left = ((size - side) // 2 for size in self.images.shape[2:])
        return ImageDataset(self.images[:, :, top : top + side, left : left + side], self.labels)

    def fingerprint(self) -> str:
        """A hash of shape, pixels and labels."""
        return _hash_of(self.images, self.labels)


class PairDataset(BatchedDataset):
    """uint8 images, what each is to be made from, and their labels in memory; items are dicts.

    Args:
        images: uint8 images (N, C, H, W): what should come out.
        sources: uint8 images (N, c, h, w): what is given.
        labels: Class labels (N,), int64; None where there are no classes.

    Example:
        >>> ones = torch.ones(2, 1, 4, 4, dtype=torch.uint8)
        >>> {name: tuple(part.shape) for name, part in PairDataset(ones, ones, None).__getitems__([0, 1]).items()}
        {'image': (2, 1, 4, 4), 'source': (2, 1, 4, 4)}
    """

    def __init__(self, images: Tensor, sources: Tensor, labels: Tensor | None) -> None:
        self.images, self.sources, self.labels = images, sources, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """``"image"`` (B, C, H, W) and ``"source"`` (B, c, h, w) in [-1, 1], and ``"label"`` (B,)."""
        chosen = torch.as_tensor(indices)
        batch = {"image": from_uint8(self.images[chosen]), "source": from_uint8(self.sources[chosen])}
        return batch if self.labels is None else batch | {"label": self.labels[chosen]}

    def fingerprint(self) -> str:
        """A hash of shapes, pixels and labels."""
        parts = _hash_of(self.images, self.labels) + _hash_of(self.sources, None)
        return hashlib.sha256(parts.encode()).hexdigest()


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
        return (part if self.crop is None else part.center_crop(self.crop)).__getitems__(range(len(indices)))

    def center_crop(self, side: int) -> "FileDataset":
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


class AugmentedDataset(Dataset[Items | ConfigError]):
    """What a loader hands out: row ``epoch * N + i`` is item i as it looks in that epoch.

    So augmentation is a function of (seed, epoch, index), on any number of workers and processes; the image and the
    source of a pair are changed alike. What is the user's to mend travels as a value, since torch turns exceptions of
    workers into text.

    Args:
        dataset: The items.
        transforms: Applied in this order.
        seed: Selects their random numbers.
    """

    def __init__(self, dataset: BatchedDataset, transforms: Sequence[Transform] = (), seed: int = 0) -> None:
        self.dataset, self.transforms, self.seed = dataset, transforms, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, rows: Sequence[int]) -> Items | ConfigError:
        """A whole batch, augmented."""
        try:
            count = len(self.dataset)
            batch = self.dataset.__getitems__([row % count for row in rows])
        except ConfigError as error:
            return error
        if isinstance(batch, dict):
            return {name: self._augment(part, rows) if name in _PICTURES else part for name, part in batch.items()}
        images, *labels = batch
        return self._augment(images, rows), *labels

    def _augment(self, images: Tensor, rows: Sequence[int]) -> Tensor:
        for index, transform in enumerate(self.transforms):
            images = transform(images, augmentation_noise(self.seed, index, rows, transform.num_uniforms))
        return images


def _hash_of(values: Tensor, labels: Tensor | None) -> str:
    digest = hashlib.sha256(repr(tuple(values.shape)).encode())
    digest.update(values.contiguous().numpy().tobytes())
    if labels is not None:
        digest.update(labels.contiguous().numpy().tobytes())
    return digest.hexdigest()
