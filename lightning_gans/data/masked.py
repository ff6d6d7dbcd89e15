"""Images in which something is missing, to be completed: inpainting."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
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
from lightning_gans.data.folder import FileDataset, HeldOutFolder, Picture
from lightning_gans.data.masks import CenterMask, MaskRule
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import DigitsFeatures, FeatureBatch, MNISTFeatures
from lightning_gans.evaluation.files import decode_image
from lightning_gans.evaluation.metrics import ClassAgreement, HoleQuality, SlicedWasserstein

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
        return _hidden(images, mask.bool())

    def fingerprint(self) -> str:
        """That of the rule."""
        return self.rule.fingerprint()


class HideTransparent(Derivation):
    """``"mask"`` and ``"source"`` as of ``Hide``; what is missing is what is transparent, by a last channel."""

    def __call__(self, images: Tensor, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """Images and sources (N, C - 1, H, W) and masks (N, 1, H, W), of images with opacity (N, C, H, W)."""
        return _hidden(images[:, :-1], images[:, -1:] < 0)

    def fingerprint(self) -> str:
        """Its name: the last channel is part of the images' hash."""
        return type(self).__name__


def _hidden(images: Tensor, missing: Tensor) -> dict[str, Tensor]:
    return {"image": images, "source": images.masked_fill(missing, 0), "mask": missing.to(images.dtype)}


class MaskedData(DerivedData):
    """A datamodule of images in which something is missing: stands before one of images.

    Args:
        mask: What is missing; the central half of height and width unless told otherwise.
    """

    def __init__(self, *args: Any, mask: MaskRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask = CenterMask() if mask is None else mask
        self.source_shape = self.image_shape

    def derivation(self) -> Derivation:
        """Hiding what is missing."""
        return Hide(self.mask)

    def metrics(self) -> dict[str, Metric]:
        """How near what is made comes to what was there, and how near all images together to all of its patches."""
        return {"hole": HoleQuality(), "swd": SlicedWasserstein()}


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


class _WithOpacity(FileDataset):
    """Images with their opacity as a further channel, and the colors under what is transparent as files hold them."""

    def _decode(self, index: int) -> tuple[Tensor, ...]:
        (picture,), (channels,) = self.pictures[index], self.channels
        image = decode_image(picture.file, "RGBA")
        opacity = self._fitted(image.getchannel("A"), 1)
        if opacity.min() >= 128:
            raise ConfigError("image", str(picture.file), "nothing in it is transparent; leave out from_alpha, or it")
        return (torch.cat([self._fitted(image, channels - 1), opacity]),)


class _FittedFolder(HeldOutFolder):
    """Images with their shorter side resized and the middle cropped.

    Args:
        from_alpha: Whether what is missing is what is transparent in each file, opacity below 128, instead of
            following ``mask``. The colors that the file holds there are what should come out.
    """

    def __init__(self, *args: Any, from_alpha: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.from_alpha = from_alpha

    def _dataset(self, files: Sequence[Path]) -> BatchedDataset:
        kind, channels = (_WithOpacity, self.channels + 1) if self.from_alpha else (FileDataset, self.channels)
        size = (self.image_size, self.image_size)
        pictures = [(Picture(file),) for file in files]
        return kind(pictures, None, [channels], size).load(self.root, self.skip_unreadable)


class MaskedImages(MaskedData, _FittedFolder):
    """A user's own images, of any sizes, to be completed: shorter side resized to ``image_size``, middle cropped.

    Read and kept in memory as by ``ImageFolder``; see ``HeldOutFolder`` for what is held out. With ``from_alpha`` what
    is transparent in each file is what is missing, instead of following ``mask``.

    Raises:
        ConfigError: There is a mask too, or nothing is transparent in an image.
    """

    def __init__(self, *args: Any, mask: MaskRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, mask=mask, **kwargs)
        if self.from_alpha and mask is not None:
            raise ConfigError("from_alpha", True, "then masks come from the images; leave out mask")

    def derivation(self) -> Derivation:
        """Hiding what is missing, or transparent."""
        return HideTransparent() if self.from_alpha else super().derivation()
