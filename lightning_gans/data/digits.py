"""The embedded digits, and domains of images that are made of them."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import Metric

from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.base import ImageDataModule, UnpairedData
from lightning_gans.data.datasets import ImageDataset, UnpairedDataset
from lightning_gans.evaluation.features import ColoredDigitsFeatures, DigitsFeatures
from lightning_gans.evaluation.metrics import ClassAgreement, PairAgreement

SIDE = 32  # of the enlarged digits, in pixels
NUM_DIGITS = 1797
HELD_OUT = 6  # of so many digits one is held out
GRID = 4  # points of the noise behind a digit, in each direction


class Digits(ImageDataModule):
    """scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels in ten classes, inside the package.

    The test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998). Its 17
    gray levels 0..16 are spread over 0..255. All images are for training: the set is small, and a generator is
    measured against what it shall reproduce.

    Example:
        >>> data = Digits(batch_size=64)
        >>> images, labels = next(iter(data.train_dataloader()))
        >>> images.shape, labels.shape
        (torch.Size([64, 1, 8, 8]), torch.Size([64]))
    """

    image_shape = (1, 8, 8)
    num_classes = 10

    def load_train(self) -> ImageDataset:
        """Read the images from scikit-learn."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        levels = torch.from_numpy(bunch.images).float()  # (1797, 8, 8), 0..16
        images = (levels * (255 / 16)).round().to(torch.uint8)[:, None]
        return ImageDataset(images, torch.from_numpy(bunch.target).long())

    def features(self) -> DigitsFeatures:
        """The classifier of these digits that comes with the package."""
        return DigitsFeatures()


class CoupledDigits(Digits):
    """One half of the digits as they are, the other half translated; labels are the domains, 0 and 1.

    No digit is in both domains, so a model sees no pair. FID and its companions compare with both domains together,
    in the features of the digits' classifier. ``metrics/pair_pixels`` and ``metrics/pair_classes`` (see
    ``PairAgreement``) tell whether the two images of one latent belong together.
    """

    num_classes = 2

    @staticmethod
    @abstractmethod
    def translate(images: Tensor) -> Tensor:
        """The second domain's counterparts of digits (N, 1, 8, 8), uint8."""

    def load_train(self) -> ImageDataset:
        """The digits in their order, every second one translated."""
        images = super().load_train().images
        domains = torch.arange(len(images)) % 2
        return ImageDataset(torch.where(domains[:, None, None, None] == 0, images, self.translate(images)), domains)

    def metrics(self) -> dict[str, Metric]:
        """Whether pairs belong together."""
        return {"pairs": PairAgreement(self.translate)}


class DigitNegatives(CoupledDigits):
    """Digits and negatives of others: black on white. As in Liu and Tuzel 2016, arXiv:1606.07536, section 4.1, task B.

    Example:
        >>> images, domains = next(iter(DigitNegatives(batch_size=64).train_dataloader()))
        >>> bool(images[domains == 0].mean() < 0 < images[domains == 1].mean())
        True
    """

    @staticmethod
    def translate(images: Tensor) -> Tensor:
        """The negative."""
        return 255 - images

    def metrics(self) -> dict[str, Metric]:
        """Whether pairs belong together; negatives can be turned back, and their digits be named."""
        return {"pairs": PairAgreement(self.translate, self.translate, DigitsFeatures())}


class DigitEdges(CoupledDigits):
    """Digits and outlines of others. As in Liu and Tuzel 2016, arXiv:1606.07536, section 4.1, task A."""

    @staticmethod
    def translate(images: Tensor) -> Tensor:
        """How much brighter than a pixel the brightest around it is: the outline of a stroke."""
        return (F.max_pool2d(images.float(), 3, stride=1, padding=1) - images.float()).to(torch.uint8)


class UnpairedDigits(UnpairedData):
    """Digits enlarged to 32 x 32, white on black, and others in a dark color on smooth pale noise; no pairs.

    Of scikit-learn's digits every sixth is held out, in both domains; of the others half are only sources and half
    only images. So no partner of a source is ever seen, and its class, which the batches lack, is known to the metrics:
    ``metrics/agreement_to_image`` is the share of held-out digits that are the same digit after translation.

    Args:
        negative: Whether the sources are black on white instead: light stays light, and ground and ink alone are to be
            found.

    Example:
        >>> data = UnpairedDigits()
        >>> batch = next(iter(data.train_dataloader()))
        >>> batch["source"].shape, batch["image"].shape, len(data.test_dataset)
        (torch.Size([64, 3, 32, 32]), torch.Size([64, 3, 32, 32]), 300)
    """

    image_shape = (3, SIDE, SIDE)
    source_shape = (3, SIDE, SIDE)  # gray, in as many channels as images have, so that each kind can be kept as it is

    def __init__(self, negative: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative = negative

    def load_train(self) -> UnpairedDataset:
        """The digits that are not held out, each in one domain."""
        seen = torch.arange(NUM_DIGITS)[torch.arange(NUM_DIGITS) % HELD_OUT != 0]
        return _two_domains(seen[::2], seen[1::2], self.negative)

    def load_test(self) -> UnpairedDataset:
        """The digits that are held out, in both domains."""
        held_out = torch.arange(0, NUM_DIGITS, HELD_OUT)
        return _two_domains(held_out, held_out, self.negative)

    def features(self) -> ColoredDigitsFeatures:
        """The classifier of the colored digits that comes with the package."""
        return ColoredDigitsFeatures()

    def metrics(self) -> dict[str, Metric]:
        """Whether a translated digit is still the same digit."""
        digits = Digits().load_train()
        assert digits.labels is not None
        labels = digits.labels[::HELD_OUT]
        known: nn.Module = DigitsFeatures(SIDE, channels=3)
        source_classifier = _OfNegatives(known) if self.negative else known
        return {"agreement": ClassAgreement(labels, labels, source_classifier, self.features())}


class _OfNegatives(nn.Module):
    """What a classifier says of the negatives of images."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Any:
        return self.classifier(255 - images)


def _two_domains(source_rows: Tensor, image_rows: Tensor, negative: bool) -> UnpairedDataset:
    digits = Digits().load_train()
    assert digits.labels is not None
    large, labels = enlarge(digits.images), digits.labels
    drawn = 255 - large[source_rows] if negative else large[source_rows]
    sources = ImageDataset(drawn.expand(-1, 3, -1, -1), labels[source_rows])
    return UnpairedDataset(sources, ImageDataset(color(large[image_rows], image_rows), labels[image_rows]))


def enlarge(digits: Tensor) -> Tensor:
    """Digits (N, 1, 8, 8) at 32 x 32, bicubically; uint8."""
    large = F.interpolate(digits.float(), size=(SIDE, SIDE), mode="bicubic", align_corners=False)
    return large.round().clamp(0, 255).to(torch.uint8)


def color(digits: Tensor, rows: Tensor, seed: int = 0) -> Tensor:
    """Paint digits (N, 1, H, W) in one dark color each on smooth pale noise: uint8 (N, 3, H, W).

    With a = digit / 255 it is ``a ink + (1 - a) ground``: ``ink`` is uniform in [0, 0.4]^3, ``ground`` in [0.5, 1] at
    4 x 4 points in each channel, bicubic between them. Both are functions of (seed, row number).
    """
    uniform = augmentation_noise(seed, 0, rows.tolist(), 3 + 3 * GRID**2)  # (N, 51)
    ink = 0.4 * uniform[:, :3, None, None]
    points = 0.5 + 0.5 * uniform[:, 3:].view(-1, 3, GRID, GRID)
    ground = F.interpolate(points, size=digits.shape[2:], mode="bicubic", align_corners=True).clamp(0, 1)
    opacity = digits.double() / 255
    return (255 * (opacity * ink + (1 - opacity) * ground)).round().to(torch.uint8)
