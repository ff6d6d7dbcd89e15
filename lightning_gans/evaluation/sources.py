"""Where images to be measured come from: data sets, generators, folders, arrays. One contract: images by index."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.batch import has_labels, images_of, labels_of
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class Source(ABC):
    """Images by index: any process can ask for any share, and gets the same ones."""

    num_classes: int | None = None
    """How many classes ``labels`` tells apart, where a model was asked for classes."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def images(self, first: int, last: int) -> Tensor:
        """Images ``first`` to ``last``: uint8 (N, C, H, W), or float points (N, d)."""

    def labels(self, first: int, last: int) -> Tensor | None:
        """The classes that images ``first`` to ``last`` belong to, (N,), where that is known."""
        return None

    def reconstructed(self, real: "Source") -> "Source | None":
        """Real images as they come back from their latents, where the model has an encoder."""
        return None

    def in_class(self, label: int) -> "Source | None":
        """The same samples in one class: of the same latents, where a conditional model makes them."""
        return None

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """What identifies the images, as plain data: part of reports and of cache keys."""


class DatasetSource(Source):
    """The items of a map-style data set: images in [-1, 1] or uint8, alone, with labels, or in a dict.

    Args:
        dataset: The data set.

    Raises:
        ConfigError: It is empty, or has no length.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        count = len(dataset) if hasattr(dataset, "__len__") else 0
        if count == 0:
            raise ConfigError("real", type(dataset).__name__, "needs a data set with a length and at least one image")
        self.dataset, self.count = dataset, count
        self._digest: str | None = None

    def __len__(self) -> int:
        return self.count

    def images(self, first: int, last: int) -> Tensor:
        """Items ``first`` to ``last``; a data set that knows how to fetch many at once is asked for them at once."""
        items = self._items(first, last)
        stacked = torch.stack([images_of(item) for item in items]) if isinstance(items, list) else images_of(items)
        return to_uint8(stacked) if stacked.is_floating_point() and stacked.ndim == 4 else stacked

    def labels(self, first: int, last: int) -> Tensor | None:
        """Those of the items, if they have any."""
        items = self._items(first, last)
        if not isinstance(items, list):
            return labels_of(items) if has_labels(items) else None
        return torch.stack([labels_of(item) for item in items]) if has_labels(items[0]) else None

    def _items(self, first: int, last: int) -> Any:
        """A batch, or a list of items."""
        many = getattr(self.dataset, "__getitems__", None)
        found = many(range(first, last)) if many is not None else None
        if isinstance(found, tuple | Tensor):
            return found
        return [self.dataset[index] for index in range(first, last)] if found is None else list(found)

    def protocol(self) -> dict[str, Any]:
        """Kind, count and a hash of all images (read once; a data set that has a ``fingerprint()`` is asked for it)."""
        if self._digest is None and hasattr(self.dataset, "fingerprint"):
            self._digest = str(self.dataset.fingerprint())
        if self._digest is None:
            digest = hashlib.sha256()
            for first in range(0, self.count, 1024):
                part = self.images(first, min(first + 1024, self.count)).contiguous().cpu()
                digest.update(f"{part.dtype} {tuple(part.shape)}".encode())
                digest.update(part.view(torch.uint8).numpy().tobytes())
            self._digest = digest.hexdigest()
        return {"kind": type(self.dataset).__name__, "count": self.count, "sha256": self._digest}


class Sampler(Protocol):
    """What generates: sample i is a function of (seed, i)."""

    def sample(self, n: int, *, seed: int = 0, ema: bool = True, start: int = 0) -> Tensor:
        """Samples ``start`` to ``start + n``, floats in [-1, 1], or points."""
        ...


class GeneratedSource(Source):
    """Samples of a generator.

    Args:
        model: The generator.
        num_samples: How many.
        seed: Selects them.
        ema: Averaged weights, or the raw ones.
        label: The class of all of them, of a conditional model; None for those that it draws.

    Raises:
        ConfigError: Fewer than two samples.
    """

    def __init__(
        self, model: Sampler, num_samples: int, seed: int = 0, ema: bool = True, label: int | None = None
    ) -> None:
        if num_samples < 2:
            raise ConfigError("num_samples", num_samples, "a distribution needs at least 2 samples")
        self.model, self.num_samples, self.seed, self.ema = model, num_samples, seed, ema
        self.label = label
        self.num_classes = getattr(model, "num_classes", None)

    def __len__(self) -> int:
        return self.num_samples

    def images(self, first: int, last: int) -> Tensor:
        """Samples ``first`` to ``last``."""
        asked: dict[str, Any] = {} if self.label is None else {"labels": torch.full((last - first,), self.label)}
        samples = self.model.sample(last - first, seed=self.seed, ema=self.ema, start=first, **asked)
        return to_uint8(samples) if samples.ndim == 4 else samples

    def labels(self, first: int, last: int) -> Tensor | None:
        """What a conditional model was asked for."""
        if self.label is not None:
            return torch.full((last - first,), self.label)
        labels = getattr(self.model, "labels", None)
        found: Tensor | None = None if labels is None else labels(first, last, self.seed)
        return found

    def in_class(self, label: int) -> "GeneratedSource | None":
        """The same latents in one class, if the model is conditional."""
        if self.num_classes is None:
            return None
        return GeneratedSource(self.model, self.num_samples, self.seed, self.ema, label)

    def reconstructed(self, real: Source) -> "ReconstructedSource | None":
        """G(E(x)) of the real images, if the model can ``reconstruct``."""
        return ReconstructedSource(self.model, real, self.ema) if hasattr(self.model, "reconstruct") else None

    def protocol(self) -> dict[str, Any]:
        """Model, count, seed and weights."""
        weights = "ema" if self.ema and getattr(self.model, "ema", None) is not None else "raw"
        return {"kind": type(self.model).__name__, "count": len(self), "seed": self.seed, "weights": weights}


class ReconstructedSource(Source):
    """Images as they come back from an encoder and a generator.

    Args:
        model: With ``reconstruct(images, labels, ema=...)``.
        real: The images.
        ema: Averaged weights, or the raw ones.
    """

    def __init__(self, model: Any, real: Source, ema: bool = True) -> None:
        self.model, self.real, self.ema = model, real, ema

    def __len__(self) -> int:
        return len(self.real)

    def images(self, first: int, last: int) -> Tensor:
        """Reconstructions of images ``first`` to ``last``."""
        images = self.real.images(first, last)
        given = images if images.is_floating_point() else from_uint8(images)
        found: Tensor = self.model.reconstruct(given, self.labels(first, last), ema=self.ema)
        return to_uint8(found) if found.ndim == 4 else found

    def labels(self, first: int, last: int) -> Tensor | None:
        """Those of the images that they were made of."""
        return self.real.labels(first, last)

    def protocol(self) -> dict[str, Any]:
        """Model and images."""
        return {"kind": type(self.model).__name__, "real": self.real.protocol()}


class ArraySource(Source):
    """uint8 images in a ``.npy`` file, or the first array of an ``.npz`` file: (N, H, W, C), (N, C, H, W) or (N, H, W).

    Args:
        path: The file.

    Raises:
        ConfigError: It is missing, unreadable, or holds no uint8 images.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            loaded = np.load(self.path, mmap_mode="r", allow_pickle=False)
            array = loaded[loaded.files[0]] if hasattr(loaded, "files") else loaded
        except (OSError, ValueError, IndexError, EOFError, BadZipFile) as error:
            raise ConfigError("array", str(path), f"cannot be read as .npy or .npz ({error})") from error
        if hasattr(loaded, "files") and len(loaded.files) > 1:
            raise ConfigError("array", str(path), f"holds {len(loaded.files)} arrays; save the images alone")
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or len(array) == 0:
            given = f"{array.dtype} {array.shape}"
            raise ConfigError("array", str(path), f"holds {given}; uint8 images (N, H, W, C) are needed")
        if array.ndim == 4 and (array.shape[1] in (1, 3)) == (array.shape[3] in (1, 3)):
            hint = "has no axis, or more than one, that could be the channels (1 or 3); save it as (N, H, W, C)"
            raise ConfigError("array", f"{path} {array.shape}", hint)
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def images(self, first: int, last: int) -> Tensor:
        """Images ``first`` to ``last``."""
        part = torch.from_numpy(np.array(self.array[first:last]))
        if part.ndim == 3:
            return part[:, None]
        return (
            part if part.shape[1] in (1, 3) and part.shape[3] not in (1, 3) else part.permute(0, 3, 1, 2).contiguous()
        )

    def protocol(self) -> dict[str, Any]:
        """Count and a hash of the array."""
        digest = hashlib.sha256(repr(self.array.shape).encode())
        for first in range(0, len(self), 1024):
            digest.update(np.ascontiguousarray(self.array[first : first + 1024]).tobytes())
        return {"kind": "array", "count": len(self), "sha256": digest.hexdigest()}


class FolderSource(Source):
    """All images below a folder, in the order of their paths; all of one size, RGB unless all are gray.

    Hidden files and folders are left out, links followed. Transparency is dropped. 16-bit and floating-point images
    are refused: whoever made them knows how their levels map to 0..255.

    Args:
        path: The folder.

    Raises:
        ConfigError: It is missing or holds no images.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.files: Sequence[Path] = image_files(self.path, "folder")
        with self._opened(self.files[0]) as first:
            self.size = first.size
        self.mode = "L" if all(self._is_gray(file) for file in self.files) else "RGB"
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self.files)

    def images(self, first: int, last: int) -> Tensor:
        """Images ``first`` to ``last``."""
        return torch.stack([self._read(file) for file in self.files[first:last]])

    def protocol(self) -> dict[str, Any]:
        """Count and a hash of all files: their names inside the folder and their contents (read once)."""
        if self._digest is None:
            digest = hashlib.sha256()
            for file in self.files:
                digest.update(f"{file.relative_to(self.path)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
            self._digest = digest.hexdigest()
        return {"kind": "folder", "count": len(self), "sha256": self._digest}

    def _is_gray(self, file: Path) -> bool:
        with self._opened(file) as image:
            if image.mode[0] in "IF":
                hint = f"has levels of mode {image.mode}; convert it to 8 bits"
                raise ConfigError("image", str(file), hint)
            return image.mode in ("1", "L", "LA")

    def _read(self, file: Path) -> Tensor:
        with self._opened(file) as image:
            if image.size != self.size:
                hint = (
                    f"is {image.size[0]}x{image.size[1]}, the first image {self.size[0]}x{self.size[1]}; resize them"
                )
                raise ConfigError("image", str(file), hint)
            try:
                pixels: Tensor = pil_to_tensor(image.convert(self.mode))
            except (OSError, ValueError) as error:
                raise ConfigError("image", str(file), f"is damaged ({error}); remove it") from error
            return pixels

    def _opened(self, file: Path) -> Image.Image:
        try:
            return Image.open(file)
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise ConfigError("image", str(file), f"cannot be read ({error}); remove it") from error


def image_files(root: Path, setting: str) -> list[Path]:
    """All files below a folder that are named as images, in the order of their paths; hidden ones are left out.

    Args:
        root: The folder; links are followed.
        setting: What to call it in errors.

    Raises:
        ConfigError: It is missing, cannot be read, or holds no images.
    """
    if not root.is_dir():
        raise ConfigError(setting, str(root), "no such folder")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ConfigError(setting, str(root), "may not be read; change its permissions")
    found = []
    for folder, inner, names in os.walk(root, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        ]
    if not found:
        raise ConfigError(setting, str(root), f"holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(found)
