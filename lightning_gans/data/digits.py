"""The embedded digits, and two domains of images that are made of them."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.metrics import PairAgreement


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
