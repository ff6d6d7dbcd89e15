"""MNIST, Fashion-MNIST and CIFAR-10, from the files that torchvision downloads."""

import gzip
import zlib
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import datasets

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import BatchedDataset, ImageDataset
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import MNISTFeatures


class Downloadable(ImageDataModule):
    """A data set in torchvision's layout below a folder, which is only written to when a download is asked for.

    Args:
        root: Folder with the files in torchvision's layout.
        download: Whether files that are missing there may be downloaded.
    """

    num_classes = 10
    original: Any
    """The class of torchvision that downloads it."""

    def __init__(self, root: str = "data", download: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root, self.may_download = root, download

    @abstractmethod
    def parse(self, train: bool) -> BatchedDataset:
        """Read the training or the test images."""

    def prepare_data(self) -> None:
        """Download, if asked to; Lightning calls this on one process of a machine.

        Raises:
            ConfigError: The download failed.
        """
        if not self.may_download:
            return
        try:
            self.original(self.root, download=True)
        except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong checksum is a RuntimeError
            hint = f"the download to {self.root} failed ({error}); fetch the files elsewhere and give their folder"
            raise ConfigError("download", True, hint) from error

    def load_train(self) -> BatchedDataset:
        """The training images."""
        if self.trainer is None:
            self.prepare_data()  # otherwise Lightning has done so
        return self.parse(train=True)

    def load_test(self) -> BatchedDataset:
        """The test images."""
        return self.parse(train=False)

    def _missing_error(self, what: str, reason: str) -> ConfigError:
        """The error that says where files were looked for and how to get them."""
        hint = f"{what} {reason}; give the folder that holds it, or download with --data.init_args.download true"
        return ConfigError("root", self.root, hint)


class MNIST(Downloadable):
    """MNIST: 60,000 handwritten digits of 28 x 28 pixels for training and 10,000 for testing (LeCun et al. 1998).

    Reads ``<root>/MNIST/raw/*-ubyte`` or, without unpacking anything, ``*-ubyte.gz``. Not augmented.

    Raises:
        ConfigError: The files are missing or damaged.
    """

    image_shape = (1, 28, 28)
    folder = "MNIST"
    original = datasets.MNIST

    def parse(self, train: bool) -> ImageDataset:
        """Read images and labels of a part."""
        part = "train" if train else "t10k"
        images = self._idx(f"{part}-images-idx3-ubyte", 3)
        labels = self._idx(f"{part}-labels-idx1-ubyte", 1)
        if tuple(images.shape[1:]) != self.image_shape[1:] or len(images) != len(labels):
            found = f"holds {tuple(images.shape)} and {tuple(labels.shape)}"
            raise self._missing_error(f"{self.folder}/raw/{part}-*", found)
        return ImageDataset(images[:, None], labels.long())

    def features(self) -> MNISTFeatures | None:
        """The classifier of MNIST that comes with the package."""
        return MNISTFeatures()

    def _idx(self, name: str, ndim: int) -> Tensor:
        path = Path(self.root, self.folder, "raw", name)
        packed = path.with_name(f"{name}.gz")
        if not path.is_file() and not packed.is_file():
            raise self._missing_error(f"{self.folder}/raw/{name}[.gz]", "is not there")
        try:
            content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
            return read_idx(content, ndim)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._missing_error(f"{self.folder}/raw/{name}", f"is damaged ({error}): remove it") from error


class FashionMNIST(MNIST):
    """Fashion-MNIST: 70,000 pictures of clothes, in MNIST's sizes and format (Xiao et al. 2017, arXiv:1708.07747).

    Reads ``<root>/FashionMNIST/raw``. No features are shipped for it; ``lightning_gans train-features --data
    FashionMNIST --output fashion.safetensors`` makes some in minutes. Not augmented.
    """

    folder = "FashionMNIST"
    original = datasets.FashionMNIST

    def features(self) -> None:
        """None are shipped."""
        return


class CIFAR10(Downloadable):
    """CIFAR-10: 50,000 photographs of 32 x 32 pixels for training and 10,000 for testing (Krizhevsky 2009).

    Reads ``<root>/cifar-10-batches-py``; the download takes 170 MB. Its metrics in papers are those of Inception-v3's
    features, which are not shipped. Not augmented unless ``flip`` is given.

    Args:
        flip: Whether every other training image is mirrored.

    Raises:
        ConfigError: The files are missing or damaged.
    """

    image_shape = (3, 32, 32)
    original = datasets.CIFAR10

    def __init__(self, *args: Any, flip: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flip = flip

    def parse(self, train: bool) -> ImageDataset:
        """Read images and labels of a part."""
        try:
            part = self.original(self.root, train=train)
        except RuntimeError as error:  # torchvision compares checksums
            raise self._missing_error(self.original.base_folder, "is missing, incomplete or damaged") from error
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
        return ImageDataset(images, torch.tensor(part.targets))


def read_idx(content: bytes, ndim: int) -> Tensor:
    """The uint8 tensor in a file of MNIST's format: two zeros, type 8, number of axes, their lengths, then the bytes.

    Raises:
        ValueError: It is of another kind, has other than ``ndim`` axes, or another length than it says.

    Example:
        >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 6, 7]), 1)
        tensor([5, 6, 7], dtype=torch.uint8)
    """
    if content[:4] != bytes([0, 0, 8, ndim]):
        raise ValueError(f"it begins with {content[:4]!r}")
    shape = np.frombuffer(content, ">i4", ndim, 4).tolist()
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * ndim).reshape(shape).copy())
