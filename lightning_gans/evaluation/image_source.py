"""The contract of what is measured: images by index, with what they were made from and what they should be."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from lightning_gans.batch import Condition
from lightning_gans.images import to_uint8


class ImageSource(ABC):
    """Images by index: any process can ask for any slice, and gets the same ones.

    A source knows what its images were made from (``condition``) and, where there is such a thing, what they should be
    (``targets``): image, condition and target of one index belong together.
    """

    num_classes: int | None = None
    """How many classes the labels tell apart, where a model was asked for classes."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def images(self, first: int, last: int) -> Tensor:
        """Images ``first`` to ``last``: uint8 (N, C, H, W), or float points (N, d)."""

    def condition(self, first: int, last: int) -> Condition:
        """What images ``first`` to ``last`` were made from: labels, source images in [-1, 1], ..., as far as known."""
        return Condition()

    def targets(self, first: int, last: int) -> Tensor | None:
        """What images ``first`` to ``last`` should be, uint8 (N, C, H, W); None where nothing says so."""
        return None

    def with_label(self, label: int) -> "ImageSource | None":
        """The same samples in one class: of the same latents, where a class-conditional model makes them."""
        return None

    def reconstructions(self, real: "ImageSource") -> "ImageSource | None":
        """Real images as they come back from their latents, where the model has an encoder."""
        return None

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """What identifies the images, as plain data: part of reports and of cache keys."""


def as_uint8(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] as uint8; uint8 images and points (N, d) as they are."""
    return to_uint8(images) if images.is_floating_point() and images.ndim == 4 else images
