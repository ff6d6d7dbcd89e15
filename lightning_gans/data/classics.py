"""MNIST, Stacked MNIST, Fashion-MNIST, CIFAR-10 and MNIST-M, from the files that torchvision downloads."""

import gzip
import zlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchvision import datasets

from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.base import ImageDataModule, UnpairedData, require_positive
from lightning_gans.data.datasets import BatchedDataset, ImageDataset, UnpairedDataset
from lightning_gans.data.folder import read_image
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import (
    CIFAR10Features,
    ClassifierFeatures,
    FeatureExtractor,
    MNISTFeatures,
    RandomFeatures,
    StackedFeatures,
)
from lightning_gans.evaluation.files import image_files
from lightning_gans.evaluation.metrics import ClassAgreement, ClassCoverage

_REFERENCE = 10_000  # images that samples are compared with: neighbors take quadratic time
_PHOTOGRAPHS_KEPT = 1000  # of a folder, in memory while digits are put on them


class Downloadable(ImageDataModule):
    """A data set in torchvision's layout below a folder, which is only written to when a download is asked for.

    Args:
        root: Folder with the files in torchvision's layout.
        download: Whether files that are missing there may be downloaded.
    """

    num_classes: int | None = 10
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
            if content[:4] != bytes([0, 0, 8, ndim]):  # 8: uint8; number of axes, then their lengths, then the values
                raise ValueError(f"it begins with {content[:4]!r}")
            shape = np.frombuffer(content, ">i4", ndim, 4).tolist()
            return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * ndim).reshape(shape).copy())
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._missing_error(f"{self.folder}/raw/{name}", f"is damaged ({error}): remove it") from error


class StackedDataset(BatchedDataset):
    """Triples of gray images as the channels of one, put together when they are asked for.

    Of uint8 images (N, 1, H, W) with classes (N,), 0 to 9; ``triples`` (M, 3) number the image in each channel. Labels
    are 0 to 999: the three digits read as a number.
    """

    def __init__(self, images: Tensor, classes: Tensor, triples: Tensor) -> None:
        self.images, self.classes, self.triples = images, classes, triples

    def __len__(self) -> int:
        return len(self.triples)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        chosen = self.triples[torch.as_tensor(indices)]  # (B, 3)
        labels = self.classes[chosen] @ torch.tensor([100, 10, 1])  # (B,)
        return ImageDataset(self.images[chosen].squeeze(2), labels).__getitems__(range(len(chosen)))

    def fingerprint(self) -> str:
        """A hash of images, labels and triples."""
        return ImageDataset(self.images, torch.cat([self.classes, self.triples.flatten()])).fingerprint()


class StackedMNIST(Downloadable):
    """Stacked MNIST: random triples of MNIST's digits as the red, green and blue of one image; 1,000 modes.

    Metz et al. 2017, arXiv:1611.02163, section 3.3.1; with 128,000 triples as Srivastava et al. 2017,
    arXiv:1705.07761, section 5.2, and Lin et al. 2018, arXiv:1712.04086, section 4.2. By these papers' convention
    26,000 samples are classified channel by channel (``--metrics.num_samples 26000``): ``metrics/modes`` counts the
    classes that were found at least once, ``metrics/reverse_kl`` is the divergence of their histogram from uniform.

    Reads the files of ``MNIST``.

    Args:
        num_samples: Number of triples.

    Raises:
        ConfigError: The files are missing or damaged, or a size is not positive.
    """

    image_shape = (3, 28, 28)
    num_classes = 1000
    original = MNIST.original

    def __init__(self, *args: Any, num_samples: int = 128_000, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        require_positive(num_samples=num_samples)
        self.num_samples = num_samples

    def parse(self, train: bool) -> StackedDataset:
        """Read the digits and draw the triples; of the test part a sixth as many."""
        digits = MNIST(self.root).parse(train)
        assert digits.labels is not None
        generator = torch.Generator().manual_seed(fold_in(self.seed, int(train)))
        count = self.num_samples if train else -(-self.num_samples // 6)
        triples = torch.randint(len(digits), (count, 3), generator=generator)
        return StackedDataset(digits.images, digits.labels, triples)

    @property
    def reference_dataset(self) -> StackedDataset:
        """The first 10,000 of the training images."""
        train = self.train_dataset
        assert isinstance(train, StackedDataset)
        return StackedDataset(train.images, train.classes, train.triples[:_REFERENCE])

    def features(self) -> StackedFeatures:
        """The classifier of MNIST, channel by channel."""
        return StackedFeatures(MNISTFeatures(), "stacked_mnist", channels=3)

    def metrics(self) -> dict[str, Metric]:
        """How many of the 1,000 classes are captured, and how evenly."""
        return {"coverage": ClassCoverage(self.features(), self.num_classes)}


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
    features, which are not shipped; here they are those of a small classifier. Not augmented unless ``flip`` is given.

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

    def features(self) -> CIFAR10Features:
        """The classifier of CIFAR-10 that comes with the package."""
        return CIFAR10Features()


class MNISTM(UnpairedData, Downloadable):
    """MNIST and, unpaired, MNIST-M: digits on photographs, ``|photograph - digit|`` in each channel, 28 x 28.

    Ganin et al. 2016, arXiv:1505.07818, section 5.2.4, cut windows out of BSDS500's photographs; here they are cut out
    of CIFAR-10's, or of those in a folder. Of the training digits every other one is a source and the others are on
    photographs, so that no partner of a source is ever seen; the test digits are both. Which window a digit gets is the
    same in every run.

    Reads the files of ``MNIST`` and ``CIFAR10``. ``metrics/agreement_to_image`` needs a classifier of digits on
    photographs: ``lightning_gans train-features --data MNISTM --epochs 8 --output mnistm.safetensors``.

    Args:
        weights: That classifier's file; metrics then take its features, and ``RandomFeatures`` without it.
        photographs: Folder of photographs instead of CIFAR-10's, 28 x 28 or larger; every sixth is for the test.

    Raises:
        ConfigError: Files are missing or damaged.
    """

    image_shape = (3, 28, 28)
    source_shape = (3, 28, 28)  # gray, as of UnpairedDigits

    def __init__(self, *args: Any, weights: str | None = None, photographs: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weights, self.photographs = weights, photographs

    def prepare_data(self) -> None:
        """Download what is needed, if asked to."""
        for needed in (MNIST, CIFAR10) if self.photographs is None else (MNIST,):
            needed(self.root, self.may_download).prepare_data()

    def parse(self, train: bool) -> UnpairedDataset:
        """Read the digits of a part, and put those that are images on photographs."""
        digits = MNIST(self.root).parse(train)
        assert digits.labels is not None
        step = 2 if train else 1
        sources = ImageDataset(digits.images[::step].expand(-1, 3, -1, -1), digits.labels[::step])
        images, labels = digits.images[step - 1 :: step], digits.labels[step - 1 :: step]
        return UnpairedDataset(sources, ImageDataset(self._on_photographs(images, train), labels))

    def features(self) -> FeatureExtractor:
        """The classifier of digits on photographs, or random features."""
        return RandomFeatures() if self.weights is None else ClassifierFeatures(self.weights)

    def metrics(self) -> dict[str, Metric]:
        """Whether a translated digit is still the same digit, as far as there are classifiers."""
        labels = MNIST(self.root).parse(train=False).labels
        assert labels is not None
        classifier = None if self.weights is None else self.features()
        return {"agreement": ClassAgreement(labels, labels, MNISTFeatures(channels=3), classifier)}

    def _on_photographs(self, digits: Tensor, train: bool) -> Tensor:
        """Digits (N, 1, 28, 28), each on a window of a photograph: (N, 3, 28, 28), uint8."""
        read, rows = self._photographs(train)
        side = self.image_shape[1]
        images = torch.empty(len(digits), *self.image_shape, dtype=torch.uint8)
        for row, uniform in enumerate(augmentation_noise(0, int(train), range(len(digits)), 3).tolist()):
            photograph = read(rows[int(uniform[0] * len(rows))])  # (3, H, W)
            top, left = (int(u * (size - side + 1)) for u, size in zip(uniform[1:], photograph.shape[1:], strict=True))
            window = photograph[:, top : top + side, left : left + side]
            images[row] = (window.short() - digits[row].short()).abs().to(torch.uint8)
        return images

    def _photographs(self, train: bool) -> tuple[Callable[[int], Tensor], Sequence[int]]:
        """How to get a photograph by its number, and the numbers of those that this part may use."""
        if self.photographs is None:
            images = CIFAR10(self.root).parse(train).images
            return images.__getitem__, range(len(images))
        files = image_files(Path(self.photographs), "photographs")
        if len(files) < 2:
            raise ConfigError("photographs", self.photographs, "holds one image; training and test need one each")

        @lru_cache(_PHOTOGRAPHS_KEPT)
        def read(number: int) -> Tensor:
            try:
                found = read_image(files[number], channels=3)
            except ConfigError as error:
                raise ConfigError("photographs", str(files[number]), f"{error.hint}; remove it") from error
            if min(found.shape[1:]) < self.image_shape[1]:
                raise ConfigError("photographs", str(files[number]), "is smaller than a digit, 28 x 28; remove it")
            return found

        return read, [number for number in range(len(files)) if (number % 6 != 0) == train]
