"""Stacked MNIST, on which a thousand modes can be counted."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.data.base import require_positive
from lightning_gans.data.classics import MNIST, Downloadable
from lightning_gans.data.datasets import BatchedDataset, ImageDataset
from lightning_gans.engine.rng import fold_in
from lightning_gans.evaluation.features import MNISTFeatures, StackedFeatures
from lightning_gans.evaluation.metrics import ClassCoverage

_REFERENCE = 10_000  # images that samples are compared with: neighbors take quadratic time


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
