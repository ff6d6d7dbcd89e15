"""The contract of what is measured, images by index with what they were made from; images in folders and arrays."""

import hashlib
import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.batch import Condition
from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_DAMAGED = (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError)  # what Pillow raises
_SIXTEEN_BITS_AS_I = ("PNG", "PPM")  # of whose formats Pillow, or an older one, calls the mode so
_REMOVE = "; remove it"


class ImageSource(ABC):
    """Images by index: any process can ask for any slice, and gets the same ones.

    A source knows what its images were made from (``condition``) and, where there is such a thing, what they should be
    (``targets``): image, condition and target of one index belong together.
    """

    num_classes: int | None = None
    """How many classes the labels tell apart, where a model was asked for classes."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def images(self, first: int, last: int) -> Tensor:
        """Images ``first`` to ``last``: uint8 (N, C, H, W), or float points (N, d)."""

    def condition(self, first: int, last: int) -> Condition:
        """What images ``first`` to ``last`` were made from: labels, source images in [-1, 1], ..., as far as known."""
        return Condition()

    def targets(self, first: int, last: int) -> Tensor | None:
        """What images ``first`` to ``last`` should be, uint8 (N, C, H, W); None where nothing says so."""
        return None

    def captions(self, first: int, last: int) -> list[str] | None:
        """The captions that images ``first`` to ``last`` were made from, or None."""
        return None

    def numbers(self) -> Tensor:
        """The number of each in the whole data set (N,), int64, where these are some of its items."""
        return torch.arange(len(self))

    def reversed(self) -> "ImageSource | None":
        """Images made the other way, from what should have come out, where a model translates both ways."""
        return None

    def with_label(self, label: int) -> "ImageSource | None":
        """The same samples in one class: of the same latents, where a class-conditional model makes them."""
        return None

    def reconstructions(self, real: "ImageSource") -> "ImageSource | None":
        """Real images as they come back from their latents, where the model has an encoder."""
        return None

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """What identifies the images, as plain data: part of reports and of cache keys."""


def as_uint8(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] as uint8; uint8 images and points (N, d) as they are."""
    return to_uint8(images) if images.is_floating_point() and images.ndim == 4 else images


class ArraySource(ImageSource):
    """uint8 images (N, H, W, C), (N, C, H, W) or (N, H, W) in a ``.npy`` or ``.npz`` file.

    In the latter it is the array ``images``, or the only one.

    Raises:
        ConfigError: It is missing, unreadable, or holds no uint8 images.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
            names = getattr(loaded, "files", None)  # of an .npz file
            array = loaded if names is None else loaded["images" if "images" in names else names[0]]
        except (OSError, ValueError, IndexError, EOFError, BadZipFile) as error:
            raise ConfigError("array", str(path), f"cannot be read as .npy or .npz ({error})") from error
        if names is not None and len(names) > 1 and "images" not in names:
            raise ConfigError("array", str(path), f"holds {len(names)} arrays; name that of the images 'images'")
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or len(array) == 0:
            hint = f"holds {array.dtype} {array.shape}; uint8 images (N, H, W, C) are needed"
            raise ConfigError("array", str(path), hint)
        if array.ndim == 4 and (array.shape[1] in (1, 3)) == (array.shape[3] in (1, 3)):
            hint = "has no axis, or more than one, that could be the channels (1 or 3); save it as (N, H, W, C)"
            raise ConfigError("array", f"{path} {array.shape}", hint)
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        part = torch.from_numpy(np.array(self.array[first:last]))
        if part.ndim == 3:
            return part[:, None]
        return part if part.shape[1] in (1, 3) else part.permute(0, 3, 1, 2).contiguous()

    def provenance(self) -> dict[str, Any]:
        """Count and a hash of the array."""
        digest = hashlib.sha256(repr(self.array.shape).encode())
        for first in range(0, len(self), 1024):
            digest.update(np.ascontiguousarray(self.array[first : first + 1024]).tobytes())
        return {"kind": "array", "count": len(self), "sha256": digest.hexdigest()}


class FolderSource(ImageSource):
    """All images below a folder, in the order of their paths; all of one size, RGB unless all are gray.

    Hidden files and folders are left out, links followed; see ``decode_image`` for how they are read.

    Raises:
        ConfigError: It is missing or holds no images.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.files = image_files(self.path, "folder")
        self.size = upright_size(self.files[0], _REMOVE)
        self.mode = "L" if all(self._is_gray(file) for file in self.files) else "RGB"
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self.files)

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        return torch.stack([self._read(file) for file in self.files[first:last]])

    def provenance(self) -> dict[str, Any]:
        """Count and a hash of all files: their names inside the folder and their contents (read once)."""
        if self._digest is None:
            digest = hashlib.sha256()
            for file in self.files:
                digest.update(f"{file.relative_to(self.path)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
            self._digest = digest.hexdigest()
        return {"kind": "folder", "count": len(self), "sha256": self._digest}

    def _is_gray(self, file: Path) -> bool:
        with _opened(file, _REMOVE) as image:
            return image.mode in ("1", "L", "LA") or image.mode[0] in "IF"

    def _read(self, file: Path) -> Tensor:
        image = decode_image(file, self.mode, hint=_REMOVE)
        if image.size != self.size:
            hint = f"is {image.size[0]}x{image.size[1]}, the first image {self.size[0]}x{self.size[1]}; resize them"
            raise ConfigError("image", str(file), hint)
        pixels: Tensor = pil_to_tensor(image)
        return pixels


def decode_image(file: Path, mode: str, *, at_least: tuple[int, int] | None = None, hint: str = "") -> Image.Image:
    """An image of a file in mode ``"L"``, ``"RGB"`` or ``"RGBA"``, upright as its camera says.

    What is transparent shows a white ground, unless the mode has opacity itself. Gray levels v of 16 bits become
    v / 257, rounded; of 16-bit color Pillow reads the upper eight.

    Args:
        file: In any format that Pillow reads.
        mode: Gray, color, or colors as the file holds them with their opacity.
        at_least: Width and height that are enough: a JPEG may then be decoded at a fraction of its size.
        hint: What errors add.

    Raises:
        ConfigError: It is damaged or no image, or its levels are floating-point or 32-bit numbers.
    """
    with _opened(file, hint) as image:
        if at_least is not None:
            image.draft(mode, at_least)
        upright = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _SIXTEEN_BITS_AS_I):
            upright = Image.fromarray(((np.asarray(upright).astype(np.uint32) + 128) // 257).astype(np.uint8))
        elif image.mode[0] in "IF":
            raise ConfigError("image", str(file), f"has levels of mode {image.mode}; convert it to 8 bits")
        elif upright.has_transparency_data and mode != "RGBA":
            ground = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(ground, upright.convert("RGBA"))
        return upright.convert(mode)


def upright_size(file: Path, hint: str = "") -> tuple[int, int]:
    """Width and height of the image in a file, upright; nothing is decoded.

    Raises:
        ConfigError: It is no image.
    """
    with _opened(file, hint) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):  # whose size is upright already, in a newer Pillow
            width, height = image.tag_v2[ExifTags.Base.ImageWidth], image.tag_v2[ExifTags.Base.ImageLength]
        # Not PngImageFile.getexif(), which decodes the image in search of more.
        turned = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1) >= 5
        return (height, width) if turned else (width, height)


@contextmanager
def _opened(file: Path, hint: str) -> Iterator[Image.Image]:
    try:
        with Image.open(file) as image:
            yield image
    except ConfigError:
        raise
    except _DAMAGED as error:
        raise ConfigError("image", str(file), f"cannot be read ({error}){hint}") from error


def image_files(root: Path, setting: str) -> list[Path]:
    """All files below a folder that are named as images, in the order of their paths; hidden ones are left out.

    Links are followed, but for those to a folder that they lie in. ``setting`` is what errors call the folder.

    Raises:
        ConfigError: It is missing, cannot be read, or holds no images.
    """
    if not root.is_dir():
        raise ConfigError(setting, str(root), "no such folder")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ConfigError(setting, str(root), "may not be read; change its permissions")
    found: list[Path] = []
    for folder, inner, names in os.walk(root, followlinks=True):
        inner[:] = [name for name in inner if not (name.startswith(".") or _leads_back(Path(folder, name)))]
        files = (Path(folder, name) for name in names if not name.startswith("."))
        found += [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        raise ConfigError(setting, str(root), f"holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(found)


def _leads_back(folder: Path) -> bool:
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
