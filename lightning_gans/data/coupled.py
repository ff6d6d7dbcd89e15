"""Two domains of images without pairs."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.data.digits import Digits
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.metrics import PairAgreement


class CoupledDigits(ImageDataModule):
    """One half of the digits as they are, the other half translated; labels are the domains, 0 and 1.

    No digit is in both domains, so a model sees no pair. FID and its companions compare with both domains together,
    in the features of the digits' classifier. ``metrics/pair_pixels`` and ``metrics/pair_classes`` (see
    ``PairAgreement``) tell whether the two images of one latent belong together.
    """

    image_shape = (1, 8, 8)
    num_classes = 2

    @staticmethod
    @abstractmethod
    def translate(images: Tensor) -> Tensor:
        """The second domain's counterparts of digits (N, 1, 8, 8), uint8."""

    def load_train(self) -> ImageDataset:
        """The digits in their order, every second one translated."""
        images = Digits().load_train().images
        domains = torch.arange(len(images)) % 2
        return ImageDataset(torch.where(domains[:, None, None, None] == 0, images, self.translate(images)), domains)

    def features(self) -> DigitsFeatures:
        """The classifier of the digits."""
        return DigitsFeatures()

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
    """Digits and outlines of others. As in Liu and Tuzel 2016, arXiv:1606.07536, section 4.1, task A.

    Example:
        >>> len(DigitEdges().reference_dataset)
        1797
    """

    @staticmethod
    def translate(images: Tensor) -> Tensor:
        """How much brighter than a pixel the brightest around it is: the outline of a stroke."""
        return (F.max_pool2d(images.float(), 3, stride=1, padding=1) - images.float()).to(torch.uint8)
