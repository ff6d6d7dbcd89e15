"""Differentiable augmentation, Zhao et al. 2020, arXiv:2006.10738: color, translation, cutout.

Pure functions of images (N, C, H, W) and uniform random numbers (N,) or (N, 2) in [0, 1), differentiable in the images
as often as one likes. Images lie in [-1, 1]; what is moved in or cut out is 0, mid-gray, as in the authors' code.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError


def brightness(images: Tensor, uniform: Tensor) -> Tensor:
    """Lighter or darker by up to 0.5; by nothing for 1/2.

    Example:
        >>> brightness(torch.zeros(2, 1, 1, 1), torch.tensor([0.0, 0.75])).flatten()
        tensor([-0.5000,  0.2500])
    """
    return images + (uniform - 0.5)[:, None, None, None]


def saturation(images: Tensor, uniform: Tensor) -> Tensor:
    """Between gray and twice the color: each pixel's distance to the mean of its channels times 0 to 2.

    1/2 changes nothing, nor does any number where C is 1.

    Example:
        >>> saturation(torch.tensor([1.0, -1.0]).view(1, 2, 1, 1), torch.tensor([0.75])).flatten()
        tensor([ 1.5000, -1.5000])
    """
    gray = images.mean(1, keepdim=True)
    return gray + (images - gray) * (2 * uniform)[:, None, None, None]


def contrast(images: Tensor, uniform: Tensor) -> Tensor:
    """Each value's distance to the mean of its image times 0.5 to 1.5; 1 for 1/2.

    Example:
        >>> contrast(torch.tensor([1.0, -1.0]).view(1, 1, 2, 1), torch.tensor([0.0])).flatten()
        tensor([ 0.5000, -0.5000])
    """
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (uniform + 0.5)[:, None, None, None]


def translation(images: Tensor, uniform: Tensor, ratio: float = 0.125) -> Tensor:
    """Moved down and right by up to a share of the side, or as far back, in whole pixels; 0 moves in.

    Example:
        >>> translation(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[0.5, 0.9]]), ratio=0.5)
        tensor([[[[0., 1.]]]])
    """
    height, width = images.shape[2:]
    rows, columns = _origin(uniform[:, 0], height, ratio), _origin(uniform[:, 1], width, ratio)
    each = torch.arange(len(images), device=images.device)[:, None, None]
    # One border of zeros; whatever comes from outside is read from it.
    moved = F.pad(images, (1, 1, 1, 1))[each, :, rows[:, :, None], columns[:, None]]  # (N, H, W, C)
    return moved.permute(0, 3, 1, 2)


def _origin(uniform: Tensor, side: int, ratio: float) -> Tensor:
    """Where each place of a moved axis comes from, in an axis with a border of one: (N, side)."""
    furthest = int(side * ratio + 0.5)
    move = (uniform * (2 * furthest + 1)).long() - furthest  # (N,)
    return (torch.arange(side, device=uniform.device) - move[:, None]).clamp(-1, side) + 1


def cutout(images: Tensor, uniform: Tensor, ratio: float = 0.5) -> Tensor:
    """A square of 0, its side a share of the image's, around a place from the top and from the left.

    Example:
        >>> cutout(torch.ones(1, 1, 1, 4), torch.tensor([[0.5, 0.5]])).flatten()
        tensor([1., 0., 0., 1.])
    """
    height, width = images.shape[2:]
    rows, columns = _cut(uniform[:, 0], height, ratio), _cut(uniform[:, 1], width, ratio)
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], 0, images)


def _cut(uniform: Tensor, side: int, ratio: float) -> Tensor:
    """Which places of an axis lie in the square: (N, side)."""
    length = int(side * ratio + 0.5)
    first = (uniform * (side + 1 - length % 2)).long()[:, None] - length // 2  # (N, 1)
    place = torch.arange(side, device=uniform.device)
    return (place >= first) & (place < first + length)


class Transform(ABC):
    """A change of images that a few uniform random numbers an image select."""

    num_uniforms: int
    """How many of them."""

    @abstractmethod
    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Change images (N, C, H, W) by numbers (N, num_uniforms) in [0, 1)."""


class Color(Transform):
    """Brightness, then saturation, then contrast."""

    num_uniforms = 3

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Change the colors of images by numbers (N, 3)."""
        images = brightness(images, uniform[:, 0])
        return contrast(saturation(images, uniform[:, 1]), uniform[:, 2])


class RandomTranslation(Transform):
    """Moves by up to a share of the side.

    Args:
        ratio: Largest move; the paper's is 1/8.

    Raises:
        ConfigError: It is out of [0, 1].
    """

    num_uniforms = 2

    def __init__(self, ratio: float = 0.125) -> None:
        self.ratio = _share(ratio)

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Move images by numbers (N, 2)."""
        return translation(images, uniform, self.ratio)


class Cutout(Transform):
    """Cuts out a square.

    Args:
        ratio: Its side, as a share of the image's; the paper's is 1/2.

    Raises:
        ConfigError: It is out of [0, 1].
    """

    num_uniforms = 2

    def __init__(self, ratio: float = 0.5) -> None:
        self.ratio = _share(ratio)

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Cut squares out of images by numbers (N, 2)."""
        return cutout(images, uniform, self.ratio)


def _share(ratio: float) -> float:
    if not 0 <= ratio <= 1:
        raise ConfigError("ratio", ratio, "is a share of the image's side, from 0 to 1")
    return ratio
