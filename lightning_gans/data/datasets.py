"""Data sets that hand out whole batches: images, pairs and points in memory."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.functional import center_crop

from lightning_gans.augment.transform import Transform
from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8

Items = tuple[Tensor, ...] | dict[str, Tensor]
"""A batch or an item: (images,), (images, labels), or a dict as ``ImageDataModule`` has them."""


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

    paired = True
    """Whether source and image of an item belong together, and are augmented alike."""

    def training_items(self, rows: Sequence[int], seed: int) -> Items:
        """What rows of training show before augmentation: row ``epoch * N + i`` is item i, whatever the seed."""
        count = len(self)
        return self.__getitems__([row % count for row in rows])

    def __getitem__(self, index: int) -> Items:
        batch = self.__getitems__([index])
        if isinstance(batch, dict):
            return {name: part[0] for name, part in batch.items()}
        return tuple(part[0] for part in batch)


class ImageDataset(BatchedDataset):
    """uint8 images (N, C, H, W) and int64 labels (N,), or None, in memory; items are images in [-1, 1] and labels."""

    def __init__(self, images: Tensor, labels: Tensor | None) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        chosen = torch.as_tensor(indices)
        images = from_uint8(self.images[chosen])
        return (images,) if self.labels is None else (images, self.labels[chosen])

    def center_crop(self, height: int, width: int) -> "ImageDataset":
        """The middle of every image."""
        return ImageDataset(center_crop(self.images, [height, width]), self.labels)

    def fingerprint(self) -> str:
        """A hash of shape, pixels and labels."""
        return _hash_of(self.images, self.labels)


class PairDataset(BatchedDataset):
    """uint8 images (N, C, H, W), the sources (N, c, h, w) that each is to be made from, and labels (N,), or None.

    Items are dicts of images in [-1, 1] and int64 labels.

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
        chosen = torch.as_tensor(indices)
        batch = {"image": from_uint8(self.images[chosen]), "source": from_uint8(self.sources[chosen])}
        return batch if self.labels is None else batch | {"label": self.labels[chosen]}

    def fingerprint(self) -> str:
        """A hash of shapes, pixels and labels."""
        parts = _hash_of(self.images, self.labels) + _hash_of(self.sources, None)
        return hashlib.sha256(parts.encode()).hexdigest()


class UnpairedDataset(BatchedDataset):
    """Sources and images that do not belong together, of two data sets; labels are left out. As long as the longer.

    In order, item i is source i and image i, the shorter of the two from its start again. In training, row r shows
    source r, likewise, beside an image that is drawn at random: a function of the seed and r.

    Example:
        >>> two, three = (ImageDataset(torch.zeros(n, 1, 4, 4, dtype=torch.uint8), None) for n in (2, 3))
        >>> {name: tuple(part.shape) for name, part in UnpairedDataset(two, three).__getitems__([0, 1, 2]).items()}
        {'image': (3, 1, 4, 4), 'source': (3, 1, 4, 4)}
    """

    paired = False

    def __init__(self, sources: BatchedDataset, images: BatchedDataset) -> None:
        self.sources, self.images = sources, images

    def __len__(self) -> int:
        return max(len(self.sources), len(self.images))

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        return self._side_by_side(indices, indices)

    def training_items(self, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """See ``BatchedDataset``; images are drawn with repetition."""
        drawn = augmentation_noise(seed, -1, rows, 1)[:, 0] * len(self.images)
        return self._side_by_side(rows, drawn.long().tolist())

    def _side_by_side(self, sources: Sequence[int], images: Sequence[int]) -> dict[str, Tensor]:
        found = {"image": (self.images, images), "source": (self.sources, sources)}
        items = {name: data.__getitems__([i % len(data) for i in indices]) for name, (data, indices) in found.items()}
        return {name: _image_of(part) for name, part in items.items()}

    def fingerprint(self) -> str:
        """A hash of those of its parts."""
        return hashlib.sha256((self.sources.fingerprint() + self.images.fingerprint()).encode()).hexdigest()


class PointDataset(BatchedDataset):
    """float32 points (N, d) and int64 labels (N,), or None, in memory."""

    def __init__(self, points: Tensor, labels: Tensor | None) -> None:
        self.points, self.labels = points, labels

    def __len__(self) -> int:
        return len(self.points)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        chosen = torch.as_tensor(indices)
        points = self.points[chosen]
        return (points,) if self.labels is None else (points, self.labels[chosen])

    def fingerprint(self) -> str:
        """A hash of shape, points and labels."""
        return _hash_of(self.points, self.labels)


class AugmentedDataset(Dataset[Items | ConfigError]):
    """What a loader hands out: row ``epoch * N + i`` is item i as it looks in that epoch; without a seed, always alike.

    So augmentation is a function of (seed, epoch, index), on any number of workers and processes; the image and the
    source of a pair are changed alike, those of an unpaired item each by itself. What is the user's to mend travels as
    a value, since torch turns exceptions of workers into text.
    """

    def __init__(self, dataset: BatchedDataset, transforms: Sequence[Transform] = (), seed: int | None = None) -> None:
        self.dataset, self.transforms, self.seed = dataset, transforms, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, rows: Sequence[int]) -> Items | ConfigError:
        try:
            if self.seed is None:
                return self.dataset.__getitems__(rows)
            batch = self.dataset.training_items(rows, self.seed)
        except ConfigError as error:
            return error
        if isinstance(batch, dict):
            apart = 0 if self.dataset.paired else len(self.transforms)
            pictures = {"image": self._augment(batch["image"], rows, self.seed)}
            if "source" in batch:
                pictures["source"] = self._augment(batch["source"], rows, self.seed, apart)
            return batch | pictures
        images, *labels = batch
        return self._augment(images, rows, self.seed), *labels

    def _augment(self, images: Tensor, rows: Sequence[int], seed: int, first: int = 0) -> Tensor:
        return _augmented(images, self.transforms, rows, seed, first)


class Derivation(ABC):
    """How the parts of an item are made from its image, whenever it is asked for."""

    @abstractmethod
    def __call__(self, images: Tensor, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """The parts of a batch from images (N, C, H, W) in [-1, 1]: of each a function of image, seed and row alone."""

    @abstractmethod
    def fingerprint(self) -> str:
        """What identifies it."""


class DerivedDataset(BatchedDataset):
    """Images of another data set with what is made from them: sources, masks; labels are left out.

    In order, what is drawn depends on the item alone. In training, rows are augmented first, then derived from.
    """

    def __init__(self, images: BatchedDataset, derivation: Derivation, transforms: Sequence[Transform] = ()) -> None:
        self.images, self.derivation, self.transforms = images, derivation, transforms

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        return self.derivation(_image_of(self.images.__getitems__(indices)), indices, 0)

    def training_items(self, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """See ``BatchedDataset``; these are augmented already, since a source may be smaller than its image."""
        images = _augmented(_image_of(self.images.training_items(rows, seed)), self.transforms, rows, seed)
        return self.derivation(images, rows, seed)

    def fingerprint(self) -> str:
        """A hash of the images and of how the rest is made."""
        return hashlib.sha256((self.images.fingerprint() + self.derivation.fingerprint()).encode()).hexdigest()


def _image_of(items: Items) -> Tensor:
    return items["image"] if isinstance(items, dict) else items[0]


def _augmented(
    images: Tensor, transforms: Sequence[Transform], rows: Sequence[int], seed: int, first: int = 0
) -> Tensor:
    for stream, transform in enumerate(transforms, first):
        images = transform(images, augmentation_noise(seed, stream, rows, transform.num_uniforms))
    return images


def _hash_of(values: Tensor, labels: Tensor | None) -> str:
    digest = hashlib.sha256(repr(tuple(values.shape)).encode())
    digest.update(values.contiguous().numpy().tobytes())
    if labels is not None:
        digest.update(labels.contiguous().numpy().tobytes())
    return digest.hexdigest()
