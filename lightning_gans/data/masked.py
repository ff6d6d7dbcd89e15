"""Images in which something is missing, to be completed: inpainting."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric
from torchvision.transforms.functional import center_crop

from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.base import DerivedData, ImageDataModule
from lightning_gans.data.classics import MNIST
from lightning_gans.data.datasets import BatchedDataset, Derivation, ImageDataset
from lightning_gans.data.digits import HELD_OUT, SIDE, Digits, enlarge
from lightning_gans.data.emoji import Emoji
from lightning_gans.data.masks import CenterMask, MaskRule
from lightning_gans.evaluation.features import DigitsFeatures, FeatureBatch, MNISTFeatures
from lightning_gans.evaluation.metrics import ClassAgreement, SlicedWasserstein

_MASKS = -2  # the stream of random numbers that masks are drawn from
_MNIST_BORDER = 2  # black pixels on each side: 28 + 2 * 2 = 32


class Hide(Derivation):
    """``"mask"`` by a rule, and ``"source"``: the image with 0, middle gray, where the mask is 1."""

    def __init__(self, rule: MaskRule) -> None:
        self.rule = rule

    def __call__(self, images: Tensor, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """Images and sources (N, C, H, W), masks (N, 1, H, W)."""
        uniform = augmentation_noise(seed, _MASKS, rows, self.rule.num_uniforms)
        mask = self.rule(uniform, images.shape[2], images.shape[3])
        return {"image": images, "source": images.masked_fill(mask.bool(), 0), "mask": mask}

    def fingerprint(self) -> str:
        """That of the rule."""
        return self.rule.fingerprint()


class MaskedData(DerivedData):
    """A datamodule of images in which something is missing: stands before one of images.

    Args:
        mask: What is missing; the central half of height and width unless told otherwise.
    """

    def __init__(self, *args: Any, mask: MaskRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask = CenterMask() if mask is None else mask
        self.source_shape = self.image_shape

    def derivation(self) -> Hide:
        """Hiding what is missing."""
        return Hide(self.mask)

    def metrics(self) -> dict[str, Metric]:
        """How near what is made comes to what was there, and how near all images together to all of its patches."""
        return {"swd": SlicedWasserstein()}


class MaskedEmoji(MaskedData, Emoji):
    """Emoji to be completed; held out as by ``Emoji``.

    Example:
        >>> batch = next(iter(MaskedEmoji().train_dataloader()))
        >>> batch["source"].shape, batch["mask"].shape
        (torch.Size([64, 3, 64, 64]), torch.Size([64, 1, 64, 64]))
    """


class _LargeDigits(ImageDataModule):
    """Digits enlarged to 32 x 32; every sixth is held out."""

    image_shape = (1, SIDE, SIDE)

    def load_train(self) -> BatchedDataset:
        return self._part(held_out=False)

    def load_test(self) -> BatchedDataset:
        return self._part(held_out=True)

    def features(self) -> DigitsFeatures:
        return DigitsFeatures(SIDE)

    def _part(self, held_out: bool) -> ImageDataset:
        digits = Digits().load_train()
        assert digits.labels is not None
        rows = [row for row in range(len(digits)) if (row % HELD_OUT == 0) == held_out]
        return ImageDataset(enlarge(digits.images[rows]), digits.labels[rows])


class MaskedDigits(MaskedData, _LargeDigits):
    """Digits of 32 x 32 pixels to be completed: 1,497 for training, every sixth of all, 300, held out.

    ``metrics/agreement_to_image`` is the share of the held-out digits that are the same digit when completed.

    Example:
        >>> data = MaskedDigits()
        >>> len(data.train_dataset), len(data.test_dataset), data.source_shape
        (1497, 300, (1, 32, 32))
    """

    def metrics(self) -> dict[str, Metric]:
        """Those of ``MaskedData``, and whether a completed digit is still the same digit."""
        labels = self._part(held_out=True).labels
        assert labels is not None
        return super().metrics() | {"agreement": ClassAgreement(labels, labels, None, self.features())}


class _PaddedMNISTFeatures(MNISTFeatures):
    """Of the middle 28 x 28 pixels."""

    def __init__(self) -> None:
        super().__init__()
        _, self._cut, _ = self.classifier.image_shape
        side = self._cut + 2 * _MNIST_BORDER
        self.image_shape, self.structure = (1, side, side), "the middle"

    def extract(self, images: Tensor) -> FeatureBatch:
        return super().extract(center_crop(images, [self._cut, self._cut]))


class _PaddedMNIST(MNIST):
    """MNIST with a black border, 32 x 32."""

    image_shape = (1, 28 + 2 * _MNIST_BORDER, 28 + 2 * _MNIST_BORDER)

    def parse(self, train: bool) -> ImageDataset:
        digits = MNIST(self.root).parse(train)
        return ImageDataset(F.pad(digits.images, 4 * [_MNIST_BORDER]), digits.labels)

    def features(self) -> MNISTFeatures:
        return _PaddedMNISTFeatures()


class MaskedMNIST(MaskedData, _PaddedMNIST):
    """MNIST's digits with a black border, 32 x 32, to be completed; reads the files of ``MNIST``.

    ``metrics/agreement_to_image`` is the share of the test digits that are the same digit when completed.
    """

    def metrics(self) -> dict[str, Metric]:
        """Those of ``MaskedData``, and whether a completed digit is still the same digit."""
        labels = self.parse(train=False).labels
        assert labels is not None
        return super().metrics() | {"agreement": ClassAgreement(labels, labels, None, self.features())}
