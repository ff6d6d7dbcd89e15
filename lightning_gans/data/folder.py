"""A user's own images."""

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lightning_gans.augment.transform import Transform
from lightning_gans.data.augmentation import RandomCrop, RandomFlip
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import FileDataset, ImageDataset
from lightning_gans.data.files import MODES, read_images
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.files import image_files

_KEPT = 512 * 2**20  # bytes of decoded images that may stay in memory
_NAMED = 3  # files that a message names


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
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, num_workers, seed)
        if image_size < 1:
            raise ConfigError("image_size", image_size, "must be positive")
        if channels not in MODES:
            raise ConfigError("channels", channels, "give 1 for gray or 3 for RGB")
        if crop_margin < 0:
            raise ConfigError("crop_margin", crop_margin, "must be 0 or more")
        self.root, self.image_size, self.channels, self.flip = Path(root), image_size, channels, flip
        self.crop_margin, self.skip_unreadable = crop_margin, skip_unreadable
        self.files = image_files(self.root, "root")
        self.image_shape = (channels, image_size, image_size)
        self.classes = classes_of(self.files, self.root)
        self.num_classes = len(self.classes) or None

    def load_train(self) -> ImageDataset | FileDataset:
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
        for file, read in zip(self.files, read_images(self.files, self.channels, side), strict=True):
            if isinstance(read, ConfigError):
                if not self.skip_unreadable:
                    raise read
                bad.append(file)
                continue
            if keep:
                images[len(good)] = read
            good.append(file)
        self._report(bad)
        labels = self._labels(good)
        return ImageDataset(images[: len(good)], labels) if keep else FileDataset(good, labels, self.channels, side)

    @property
    def reference_dataset(self) -> ImageDataset | FileDataset:
        """The middle of every training image, not augmented."""
        train = self.train_dataset
        assert isinstance(train, ImageDataset | FileDataset)
        return train.center_crop(self.image_size) if self.crop_margin else train

    def augmentations(self) -> Sequence[Transform]:
        """Window and flip, as far as they are asked for."""
        windows = [RandomCrop(self.image_size)] if self.crop_margin else []
        return [*windows, *([RandomFlip()] if self.flip else [])]

    def _labels(self, files: Sequence[Path]) -> Tensor | None:
        if not self.classes:
            return None
        numbers = {name: number for number, name in enumerate(self.classes)}
        depth = len(self.root.parts)
        return torch.tensor([numbers[file.parts[depth]] for file in files])

    def _report(self, bad: Sequence[Path]) -> None:
        if not bad:
            return
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
