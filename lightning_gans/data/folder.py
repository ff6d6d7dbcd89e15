"""A user's own images: found in folders, decoded at once into memory, or whenever they are asked for."""

import hashlib
import math
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from lightning.pytorch.utilities import rank_zero_warn
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import center_crop, pil_to_tensor

from lightning_gans.data.base import ImageDataModule, require_positive
from lightning_gans.data.datasets import BatchedDataset, ImageDataset, Items, PairDataset
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.evaluator import MIN_REAL
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.files import decode_image, image_files, upright_size

_KEPT = 512 * 2**20  # bytes of decoded images that may stay in memory
_NAMED = 3  # files that a message names
_AT_ONCE = 256  # files waiting for a thread
_REDUCED_TO = 2  # a JPEG may be decoded at a fraction of its size, if that is twice as large as needed
_MODES = {1: "L", 3: "RGB"}  # what Pillow calls images of so many channels
_HELD_OUT = 10  # one in so many, where there are no images for the test
_T = TypeVar("_T")
_DAMAGED = "; remove it, or leave such files out with --data.skip_unreadable true"


class ImageFolder(ImageDataModule):
    """All images below a folder, of any sizes and formats: shorter side resized to ``image_size``, middle cropped.

    Where every image lies in a folder of its class (``photos/cats/1.jpg``), these are the labels, in alphabetical
    order; images directly in ``root`` have no classes, and then none have. Hidden files and folders are left out.
    Images are turned upright as their camera says, what is transparent shows white, 16-bit gray is scaled to 8 bits.

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
        check_reading(crop_margin, channels=channels)
        self.root, self.image_size, self.channels, self.flip = Path(root), image_size, channels, flip
        self.crop_margin, self.skip_unreadable = crop_margin, skip_unreadable
        self.files = image_files(self.root, "root")
        self.image_shape = (channels, image_size, image_size)
        self.classes = classes_of(self.files, self.root)
        self.num_classes = len(self.classes) or None

    def load_train(self) -> BatchedDataset:
        """Decode the images, or find out where they are.

        Raises:
            ConfigError: A file cannot be read, or none can.
        """
        side = self.image_size + self.crop_margin
        pictures = [(Picture(file),) for file in self.files]
        files = FileDataset(pictures, self._labels(), [self.channels], (side, side))
        return files.load(str(self.root), self.skip_unreadable)

    @property
    def reference_dataset(self) -> "ImageDataset | FileDataset":
        """The middle of every training image, not augmented."""
        train = self.train_dataset
        assert isinstance(train, ImageDataset | FileDataset)
        return train.center_crop(self.image_size, self.image_size) if self.crop_margin else train

    def _labels(self) -> Tensor | None:
        if not self.classes:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers[file.parts[len(self.root.parts)]] for file in self.files])


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


class HeldOutFolder(ImageDataModule):
    """Images below a folder, some of which are held out, as ``train`` and ``test``, or else ``val``, in it say.

    Where nothing is held out, one image in ten is, by a hash of its name, and one line says so. Metrics are of what is
    held out, and take ``RandomFeatures``, which need no download: figures to compare runs on the same images, not with
    papers. There are none where fewer than 20 are held out.

    Args:
        root: The folder; the images may lie in folders in it.
        image_size: Height and width of the training images.
        channels: 3 for RGB, 1 for gray.
        flip: Whether every other training image is mirrored.
        skip_unreadable: Whether damaged files are left out, with one line that counts them. Otherwise the first one
            stops the run.

    Attributes:
        train_files: The images to learn from.
        test_files: Those that are held out.

    Raises:
        ConfigError: A folder is missing or holds no images, or a setting is out of its range.
    """

    num_classes: int | None = None

    def __init__(
        self,
        root: str,
        image_size: int = 64,
        channels: int = 3,
        flip: bool = True,
        skip_unreadable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(image_size=image_size)
        check_reading(0, channels=channels)
        self.root, self.image_size, self.channels = root, image_size, channels
        self.flip, self.skip_unreadable = flip, skip_unreadable
        self.image_shape = (channels, image_size, image_size)
        self._notes: list[str] = []
        self.train_files, self.test_files = self._find(Path(root))

    @abstractmethod
    def _dataset(self, files: Sequence[Path]) -> BatchedDataset:
        """What is to be learned, or measured, of files."""

    def load_train(self) -> BatchedDataset:
        """Decode what is not held out, or find out where it is; see ``ImageFolder``."""
        for note in self._notes:
            rank_zero_warn(note, category=LightningGANsWarning)
        return self._dataset(self.train_files)

    def load_test(self) -> BatchedDataset:
        """Decode what is held out, or find out where it is."""
        dataset = self._dataset(self.test_files)
        if len(dataset) < MIN_REAL:
            note = f"metrics need {MIN_REAL} test images, and there are {len(dataset)} in {self.root}"
            rank_zero_warn(note, category=LightningGANsWarning)
        return dataset

    def features(self) -> RandomFeatures | None:
        """Random ones, if enough is held out."""
        return RandomFeatures() if len(self.test_dataset) >= MIN_REAL else None

    def _find(self, root: Path) -> tuple[list[Path], list[Path]]:
        """The files for training, and those that are held out."""
        parts = {name: root / name for name in ("train", "test", "val") if (root / name).is_dir()}
        held_out = parts.get("test", parts.get("val"))
        if "train" in parts and held_out is not None:
            return image_files(parts["train"], "root"), image_files(held_out, "root")
        pictures = {str(file.relative_to(root)): Picture(file) for file in image_files(root, "root")}
        train, test = hold_out(pictures)
        note = f"no test images in {root}: {len(test)} of {len(pictures)} are held out, by a hash of their names"
        self._notes.append(note)
        return [picture.file for picture in train.values()], [picture.file for picture in test.values()]


class Picture(NamedTuple):
    """The image in a file, or one of two that lie side by side in it."""

    file: Path
    half: int | None = None
    """0 for the left, 1 for the right one; None for the whole."""

    def size(self) -> tuple[int, int]:
        """Width and height, read from the head of the file.

        Raises:
            ConfigError: It is no image, or two halves of unequal width.
        """
        left, upper, right, lower = self.box(*upright_size(self.file, _DAMAGED))
        return right - left, lower - upper

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, upper, right and lower border in a file of that size."""
        if self.half is None:
            return 0, 0, width, height
        if width % 2:
            raise ConfigError("image", str(self.file), f"is {width} pixels wide, which makes no two equal halves")
        return self.half * width // 2, 0, (self.half + 1) * width // 2, height


def hold_out(pictures: dict[str, Picture]) -> tuple[dict[str, Picture], dict[str, Picture]]:
    """Training and test by a hash of each name alone: an image stays on its side, whatever is added.

    Raises:
        ConfigError: There is one alone.
    """
    numbers = {name: int(hashlib.sha256(name.encode()).hexdigest(), 16) for name in pictures}
    if len(numbers) == 1:
        (only,) = pictures.values()
        raise ConfigError("image", str(only.file), "is alone; one to learn from and one to test with")
    held_out = {name for name, number in numbers.items() if number % _HELD_OUT == 0}
    if len(held_out) in (0, len(pictures)):
        held_out = {min(numbers, key=numbers.__getitem__)}
    train, test = (
        {name: picture for name, picture in pictures.items() if (name in held_out) == chosen}
        for chosen in (False, True)
    )
    return train, test


class FileDataset(BatchedDataset):
    """Images, or images and their sources, in files, decoded whenever they are asked for; see ``load``.

    Args:
        pictures: Of each item, (image,) or (image, source).
        labels: int64 (N,), if there are any.
        channels: Of each picture of an item.
        size: Height and width: a picture's shorter side is resized, its middle cropped.
        crop: Of that the middle is kept, if given: (height, width).
    """

    def __init__(
        self,
        pictures: Sequence[tuple[Picture, ...]],
        labels: Tensor | None,
        channels: Sequence[int],
        size: tuple[int, int],
        crop: tuple[int, int] | None = None,
    ) -> None:
        self.pictures, self.labels, self.channels, self.size, self.crop = pictures, labels, channels, size, crop

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitems__(self, indices: Sequence[int]) -> Items:
        decoded = zip(*map(self._decode, indices), strict=True)
        return self._held([torch.stack(each) for each in decoded], indices).__getitems__(range(len(indices)))

    def center_crop(self, height: int, width: int) -> "FileDataset":
        """The middle of every image."""
        return FileDataset(self.pictures, self.labels, self.channels, self.size, (height, width))

    def fingerprint(self) -> str:
        """A hash of what the files contain, of labels and sizes; nothing is decoded."""
        digest = hashlib.sha256(repr((self.channels, self.size, self.crop)).encode())
        for item in self.pictures:
            for file, half in item:
                digest.update(f"{half}".encode() + hashlib.sha256(file.read_bytes()).digest())
        if self.labels is not None:
            digest.update(self.labels.numpy().tobytes())
        return digest.hexdigest()

    def load(self, root: str, skip_unreadable: bool) -> BatchedDataset:
        """All decoded into memory, or itself if they take more than 512 MiB there.

        Args:
            root: Where they lie, for messages.
            skip_unreadable: Whether those that cannot be read are left out, with one line that counts them.

        Raises:
            ConfigError: One cannot be read, or none can.
        """
        shapes = [(channels, *self.size) for channels in self.channels]
        keep = len(self) * sum(map(math.prod, shapes)) <= _KEPT
        if not keep and not skip_unreadable:
            return self
        kept = [torch.empty(len(self) if keep else 0, *shape, dtype=torch.uint8) for shape in shapes]
        good: list[int] = []
        for index, decoded in readable(self._decode, len(self), root, skip_unreadable):
            if keep:
                for whole, one in zip(kept, decoded, strict=True):
                    whole[len(good)] = one
            good.append(index)
        if keep:
            return self._held([whole[: len(good)] for whole in kept], good)
        pictures = [self.pictures[index] for index in good]
        return type(self)(pictures, self._labels(good), self.channels, self.size)

    def _held(self, pictures: Sequence[Tensor], indices: Sequence[int]) -> "ImageDataset | PairDataset":
        """Decoded items in memory."""
        labels = self._labels(indices)
        if len(pictures) == 1:
            return ImageDataset(pictures[0], labels)
        image, source = pictures
        return PairDataset(image, source, labels)

    def _labels(self, indices: Sequence[int]) -> Tensor | None:
        return None if self.labels is None else self.labels[torch.as_tensor(indices)]

    def _decode(self, index: int) -> tuple[Tensor, ...]:
        """The pictures of an item, uint8 (C, H, W); a file with two of them is decoded once."""
        item = self.pictures[index]
        mode, enough = _MODES[max(self.channels)], _REDUCED_TO * max(self.size)
        whole = all(picture.half is None for picture in item)
        files = {
            file: decode_image(file, mode, at_least=(enough, enough) if whole else None, hint=_DAMAGED)
            for file in {picture.file for picture in item}
        }
        parts = [files[picture.file].crop(picture.box(*files[picture.file].size)) for picture in item]
        return tuple(map(self._fitted, parts, self.channels))

    def _fitted(self, image: Image.Image, channels: int) -> Tensor:
        height, width = self.size
        fitted = ImageOps.fit(image.convert(_MODES[channels]), (width, height), Image.Resampling.BICUBIC)
        pixels: Tensor = pil_to_tensor(fitted)
        return pixels if self.crop is None else center_crop(pixels, list(self.crop))


def readable(decode: Callable[[int], _T], count: int, root: str, skip_unreadable: bool) -> Iterator[tuple[int, _T]]:
    """What can be decoded, in order with its number, on all cores; see ``FileDataset.load``."""

    def attempt(index: int) -> _T | ConfigError:
        try:
            return decode(index)
        except ConfigError as error:
            return error

    bad: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count))
            for index, decoded in zip(numbers, pool.map(attempt, numbers), strict=True):
                if not isinstance(decoded, ConfigError):
                    yield index, decoded
                elif skip_unreadable:
                    bad.append(str(decoded.value))
                else:
                    raise decoded
    if bad:
        _report(bad, count, root)


def _report(bad: Sequence[str], count: int, root: str) -> None:
    names = ", ".join(bad[:_NAMED]) + (", ..." if len(bad) > _NAMED else "")
    if len(bad) == count:
        raise ConfigError("root", root, f"none of its {len(bad)} images can be read: {names}")
    line = f"{len(bad)} of the {count} images in {root} cannot be read and are left out: {names}"
    rank_zero_warn(line, category=LightningGANsWarning)


def check_reading(crop_margin: int, **channels: int) -> None:
    """Refuse a margin below 0, and numbers of channels, given by name, that no image file has."""
    if crop_margin < 0:
        raise ConfigError("crop_margin", crop_margin, "must be 0 or more")
    for name, number in channels.items():
        if number not in _MODES:
            raise ConfigError(name, number, "give 1 for gray or 3 for RGB")


def read_image(file: Path, channels: int) -> Tensor:
    """Decode an image at its size: uint8 (channels, H, W), 1 or 3 channels; see ``decode_image``.

    Raises:
        ConfigError: The file is not an image that can be decoded.
    """
    pixels: Tensor = pil_to_tensor(decode_image(file, _MODES[channels]))
    return pixels
