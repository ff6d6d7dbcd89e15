"""A user's own images: found in folders, decoded at once into memory, or whenever they are asked for."""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.augment.transform import Transform
from lightning_gans.data.augmentation import RandomCrop
from lightning_gans.data.base import ImageDataModule, require_positive
from lightning_gans.data.datasets import BatchedDataset, ImageDataset
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.files import image_files

_KEPT = 512 * 2**20  # bytes of decoded images that may stay in memory
_NAMED = 3  # files that a message names
_AT_ONCE = 256  # files waiting for a thread
_REDUCED_TO = 2.0  # a JPEG may be decoded at a fraction of its size, if that is twice as large as needed
_MODES = {1: "L", 3: "RGB"}  # what Pillow calls images of so many channels


class ImageFolder(ImageDataModule):
    """All images below a folder, of any sizes and formats: shorter side resized to ``image_size``, middle cropped.

    Where every image lies in a folder of its class (``photos/cats/1.jpg``), these are the labels, in alphabetical
    order; images directly in ``root`` have no classes, and then none have. Hidden files and folders are left out.

    A set that takes up to 512 MiB when decoded (50,000 RGB images of 32 x 32 take 147) is decoded once, before
    training, and kept in memory; a larger one is decoded batch by batch, by the workers if there are any. Neither
    flipped nor cropped at random unless asked for; the reference of metrics never is.

    Args:
        root: The folder.
        image_size: Height and width of the training images.
        channels: 3 for RGB, 1 for gray.
        flip: Whether every other training image is mirrored.
        crop_margin: Pixels by which images are resized larger than ``image_size``, so that a window can be cut out at
            a random place; the reference takes the middle.
        skip_unreadable: Whether damaged files are left out, with one line that counts them; all files are then
            decoded once beforehand. Otherwise the first one stops the run.

    Attributes:
        classes: Names of the classes, in the order of their labels; empty where there are none.

    Raises:
        ConfigError: The folder is missing or holds no images, or a setting is out of its range.
    """

    def __init__(
        self,
        root: str,
        image_size: int = 64,
        channels: int = 3,
        flip: bool = False,
        crop_margin: int = 0,
        skip_unreadable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(image_size=image_size)
        if channels not in _MODES:
            raise ConfigError("channels", channels, "give 1 for gray or 3 for RGB")
        if crop_margin < 0:
            raise ConfigError("crop_margin", crop_margin, "must be 0 or more")
        self.root, self.image_size, self.channels, self.flip = Path(root), image_size, channels, flip
        self.crop_margin, self.skip_unreadable = crop_margin, skip_unreadable
        self.files = image_files(self.root, "root")
        self.image_shape = (channels, image_size, image_size)
        self.classes = classes_of(self.files, self.root)
        self.num_classes = len(self.classes) or None

    def load_train(self) -> "ImageDataset | FileDataset":
        """Decode the images, or find out where they are.

        Raises:
            ConfigError: A file cannot be read, or none can.
        """
        side = self.image_size + self.crop_margin
        keep = len(self.files) * self.channels * side**2 <= _KEPT
        if not keep and not self.skip_unreadable:
            return FileDataset(self.files, self._labels(self.files), self.channels, side)
        images = torch.empty(len(self.files) if keep else 0, self.channels, side, side, dtype=torch.uint8)
        good: list[Path] = []
        bad: list[Path] = []
        for file, read in zip(self.files, _read_images(self.files, self.channels, side), strict=True):
            if not isinstance(read, ConfigError):
                if keep:
                    images[len(good)] = read
                good.append(file)
            elif self.skip_unreadable:
                bad.append(file)
            else:
                raise read
        if bad:
            self._report(bad)
        labels = self._labels(good)
        return ImageDataset(images[: len(good)], labels) if keep else FileDataset(good, labels, self.channels, side)

    @property
    def reference_dataset(self) -> "ImageDataset | FileDataset":
        """The middle of every training image, not augmented."""
        train = self.train_dataset
        assert isinstance(train, ImageDataset | FileDataset)
        return train.center_crop(self.image_size) if self.crop_margin else train

    def augmentations(self) -> Sequence[Transform]:
        """Window and flip, as far as they are asked for."""
        windows = [RandomCrop(self.image_size)] if self.crop_margin else []
        return [*windows, *super().augmentations()]

    def _labels(self, files: Sequence[Path]) -> Tensor | None:
        if not self.classes:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers[file.parts[len(self.root.parts)]] for file in files])

    def _report(self, bad: Sequence[Path]) -> None:
        names = ", ".join(str(file) for file in bad[:_NAMED]) + (", ..." if len(bad) > _NAMED else "")
        if len(bad) == len(self.files):
            raise ConfigError("root", str(self.root), f"none of its {len(bad)} images can be read: {names}")
        line = f"{len(bad)} of the {len(self.files)} images in {self.root} cannot be read and are left out: {names}"
        rank_zero_warn(line, category=LightningGANsWarning)


def classes_of(files: Sequence[Path], root: Path) -> list[str]:
    """Names of the classes, sorted: the folders in ``root``, if every file lies in one.

    Example:
        >>> classes_of([Path("photos/dog/1.png"), Path("photos/cat/x/2.png")], Path("photos"))
        ['cat', 'dog']
        >>> classes_of([Path("photos/dog/1.png"), Path("photos/2.png")], Path("photos"))
        []
    """
    depth = len(root.parts)
    loose = any(len(file.parts) == depth + 1 for file in files)
    return [] if loose else sorted({file.parts[depth] for file in files})


class FileDataset(BatchedDataset):
    """Images in files, decoded whenever they are asked for; items are images in [-1, 1] and int64 labels, if any.

    Images are resized and cropped to ``side``, and of that the middle ``crop`` is kept, if given.
    """

    def __init__(
        self, files: Sequence[Path], labels: Tensor | None, channels: int, side: int, crop: int | None = None
    ) -> None:
        self.files, self.labels = files, labels
        self.channels, self.side, self.crop = channels, side, crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
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


def read_image(file: Path, channels: int, side: int | None = None) -> Tensor:
    """Decode an image, resize its shorter side and crop the middle: uint8 (channels, side, side), 1 or 3 channels.

    Without ``side`` it keeps its size: (channels, H, W).

    It is turned upright as its camera says; transparency is dropped. Resizing is Pillow's bicubic with antialiasing.

    Raises:
        ConfigError: The file is not an image that can be decoded, or has more than 8 bits a channel.
    """
    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ConfigError("image", str(file), f"has levels of mode {image.mode}; convert it to 8 bits")
            if side is not None:
                image.draft(_MODES[channels], (round(side * _REDUCED_TO), round(side * _REDUCED_TO)))
            upright = ImageOps.exif_transpose(image).convert(_MODES[channels])
    except ConfigError:
        raise
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        hint = "" if side is None else "; remove it, or leave such files out with skip_unreadable"
        raise ConfigError("image", str(file), f"cannot be read ({error}){hint}") from error
    if side is not None:
        upright = ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC)
    pixels: Tensor = pil_to_tensor(upright)
    return pixels


def _read_images(files: Sequence[Path], channels: int, side: int) -> Iterator[Tensor | ConfigError]:
    """Decode many files on all cores, in order; what cannot be read comes as its error."""

    def read(file: Path) -> Tensor | ConfigError:
        try:
            return read_image(file, channels, side)
        except ConfigError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), _AT_ONCE):
            yield from pool.map(read, files[first : first + _AT_ONCE])
