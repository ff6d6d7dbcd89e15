"""Changes of images that happen with a probability: pixel blitting, geometry and color.

Karras et al. 2020, arXiv:2006.06676, appendix B. Each kind of change of each image happens with probability p by
itself; images to which none happens stay bit-identical.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lightning_gans.augment.transform import Cutout
from lightning_gans.augment.warp import reflected, warp
from lightning_gans.errors import ConfigError


class RandomChange(ABC):
    """A change of images with a probability, selected by a few uniform random numbers an image."""

    num_uniforms: int
    """How many of them."""

    @abstractmethod
    def __call__(self, images: Tensor, uniform: Tensor, p: Tensor) -> Tensor:
        """Change images (N, C, H, W), each with probability ``p``, by numbers (N, num_uniforms) in (0, 1)."""


def change_at_random(
    images: Tensor, transforms: Sequence[RandomChange], rand: Callable[..., Tensor], p: Tensor
) -> Tensor:
    """Images (N, C, H, W) changed by these, in their order, each with a probability."""
    counts = [each.num_uniforms for each in transforms]
    uniform = rand(torch.rand, len(images), sum(counts))
    with torch.autocast(images.device.type, enabled=False):  # half of the digits would blur what is to stay
        changed = images.to(torch.promote_types(images.dtype, torch.float32))
        uniform = uniform.to(changed.dtype).clamp(1e-7, 1 - 1e-7)  # some formats round up to 1
        for transform, part in zip(transforms, uniform.split(counts, dim=1), strict=True):
            changed = transform(changed, part, p)
    return changed.to(images.dtype)


class _Draws:
    """What the uniform numbers (N, k) of images stand for, column by column."""

    def __init__(self, uniform: Tensor) -> None:
        self._columns = iter(uniform.unbind(1))

    def happens(self, p: Tensor) -> Tensor:
        """Whether something of a probability does, (N,)."""
        return next(self._columns) < p

    def uniform(self) -> Tensor:
        return next(self._columns)

    def normal(self) -> Tensor:
        number: Tensor = torch.special.ndtri(next(self._columns))
        return number

    def angle(self) -> Tensor:
        return (2 * next(self._columns) - 1) * math.pi

    def scale(self, octaves: float) -> Tensor:
        """Log-normal factors with a standard deviation in powers of 2."""
        return torch.exp2(octaves * self.normal())


class Blit(RandomChange):
    """Flips left and right, turns by 90 degrees and moves by whole pixels: values change places, and nothing else.

    Images that are no squares turn by 180 degrees alone.

    Args:
        ratio: Largest move, as a share of the side; what moves in is a reflection.

    Raises:
        ConfigError: It is out of [0, 1].
    """

    num_uniforms = 7

    def __init__(self, ratio: float = 0.125) -> None:
        if not 0 <= ratio <= 1:
            raise ConfigError("ratio", ratio, "is a share of the image's side, from 0 to 1")
        self.ratio = ratio

    def __call__(self, images: Tensor, uniform: Tensor, p: Tensor) -> Tensor:
        """Blitted images."""
        draws, (height, width) = _Draws(uniform), images.shape[2:]
        flipped = draws.happens(p / 2)  # one of two states, of which the other is no change
        quarters = torch.where(draws.happens(p), (4 * draws.uniform()).long(), 0)
        moved = draws.happens(p)
        down, right = (
            torch.where(moved, ((2 * draws.uniform() - 1) * self.ratio * side).round(), 0) for side in (height, width)
        )
        if height == width:
            images = torch.where((quarters % 2 == 1)[:, None, None, None], images.transpose(2, 3), images)
        else:
            quarters = quarters // 2 * 2
        # A quarter to the left is a transpose, then upside down; three are a transpose, then left and right.
        rows = _sources(height, (quarters == 1) | (quarters == 2), down)
        columns = _sources(width, (quarters >= 2) ^ flipped, right)
        n, c = images.shape[:2]
        images = images.gather(2, rows[:, None, :, None].expand(n, c, height, width))
        return images.gather(3, columns[:, None, None].expand(n, c, height, width))


def _sources(side: int, reverse: Tensor, move: Tensor) -> Tensor:
    """Where each place of a reversed, then moved axis comes from, (N, side)."""
    half = (side - 1) / 2
    place = torch.arange(side, device=move.device) - half - move[:, None]  # (N, side)
    place = reflected(place, max(half, 0.5))
    return (torch.where(reverse[:, None], -place, place) + half).round().long().clamp(0, side - 1)


class Geometry(RandomChange):
    """Scales, turns, stretches, turns again and moves images by any amounts, in one warp.

    The two turns happen with 1 - sqrt(1 - p) each, one or both of them with p.

    Args:
        octaves: Standard deviation of the logarithm to base 2 of scales, of size and of the sides' ratio.
        move: Standard deviation of moves, as a share of the side.

    Raises:
        ConfigError: A setting is negative.
    """

    num_uniforms = 11

    def __init__(self, octaves: float = 0.2, move: float = 0.125) -> None:
        for name, value in (("octaves", octaves), ("move", move)):
            if value < 0:
                raise ConfigError(name, value, "is a standard deviation: 0 or more")
        self.octaves, self.move = octaves, move

    def __call__(self, images: Tensor, uniform: Tensor, p: Tensor) -> Tensor:
        """Warped images."""
        draws, p_turn = _Draws(uniform), 1 - (1 - p).sqrt()
        scaled, size = draws.happens(p), draws.scale(self.octaves)
        turned, angle = draws.happens(p_turn), draws.angle()
        stretched, ratio = draws.happens(p), draws.scale(self.octaves)
        turned_again, angle_again = draws.happens(p_turn), draws.angle()
        moved, (height, width) = draws.happens(p), images.shape[2:]
        move = self.move * torch.stack([width * draws.normal(), height * draws.normal()], dim=1)  # (N, 2)
        size, ratio = torch.where(scaled, size, 1), torch.where(stretched, ratio, 1)
        # Where it comes from: every change undone, the last one first.
        stretch = torch.stack([1 / (size * ratio), ratio / size], dim=1)  # (N, 2)
        first = _rotation(-torch.where(turned, angle, 0))
        last = _rotation(-torch.where(turned_again, angle_again, 0))
        linear = first @ (stretch[:, :, None] * last)
        move = torch.where(moved[:, None], move, 0)
        warped = warp(images, linear, -(linear @ move[..., None])[..., 0])
        changed = scaled | turned | stretched | turned_again | moved
        return torch.where(changed[:, None, None, None], warped, images)


def _rotation(angle: Tensor) -> Tensor:
    """Matrices (N, 2, 2) that turn (right, down) from right to down by angles (N,)."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)


class ColorMatrix(RandomChange):
    """Brightness, contrast, a flip of luma, a turn of hue and saturation: one affine map of each pixel's color.

    On gray images, the first three. Images lie in [-1, 1], and leave it.

    Args:
        brightness: Standard deviation of what is added.
        contrast: Standard deviation of the logarithm to base 2 of the contrast.
        saturation: The same of the saturation.
        share: Of the probability, with which each of them happens; 1/2 in R3GAN's code.

    Raises:
        ConfigError: A setting is negative. In training: images have neither 1 nor 3 channels.
    """

    num_uniforms = 9

    def __init__(
        self, brightness: float = 0.2, contrast: float = 0.5, saturation: float = 1.0, share: float = 1.0
    ) -> None:
        for name, value in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
            if value < 0:
                raise ConfigError(name, value, "is a standard deviation: 0 or more")
        if not 0 <= share <= 1:
            raise ConfigError("share", share, "is a share of the probability, from 0 to 1")
        self.brightness, self.contrast, self.saturation, self.share = brightness, contrast, saturation, share

    def __call__(self, images: Tensor, uniform: Tensor, p: Tensor) -> Tensor:
        """Images in other colors."""
        if images.shape[1] not in (1, 3):
            hint = f"changes images of 1 or 3 channels, and these have {images.shape[1]}; leave it out"
            raise ConfigError("augment", type(self).__name__, hint)
        draws, p = _Draws(uniform), self.share * p
        added = torch.where(draws.happens(p), self.brightness * draws.normal(), 0)
        contrast = torch.where(draws.happens(p), draws.scale(self.contrast), 1)
        luma = torch.where(draws.happens(p / 2), -contrast, contrast)  # one of two states, one of which is no change
        if images.shape[1] == 1:
            return luma[:, None, None, None] * (images + added[:, None, None, None])
        angle = torch.where(draws.happens(p), draws.angle(), 0)
        saturation = torch.where(draws.happens(p), draws.scale(self.saturation), 1)
        matrix = color_matrix(luma, contrast * saturation, angle)
        return (matrix @ images.flatten(2) + (luma * added)[:, None, None]).view_as(images)


class RandomCutout(RandomChange):
    """Cuts out a square; see ``Cutout``.

    Args:
        ratio: Its side, as a share of the image's.

    Raises:
        ConfigError: It is out of [0, 1].
    """

    num_uniforms = 3

    def __init__(self, ratio: float = 0.5) -> None:
        self.cut = Cutout(ratio)

    def __call__(self, images: Tensor, uniform: Tensor, p: Tensor) -> Tensor:
        """Images with squares cut out."""
        cut = self.cut(images, uniform[:, 1:])
        return torch.where((uniform[:, 0] < p)[:, None, None, None], cut, images)


def color_matrix(luma: Tensor, chroma: Tensor, hue: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that scale colors (red, green, blue) along the gray axis and around it, and turn them.

        C = luma vv^T + chroma (cos(hue) (I - vv^T) + sin(hue) [v]_x),    v = (1, 1, 1) / sqrt(3)

    All changes of colors but brightness have that axis, so in any order they give one of these.

    Args:
        luma: Scales (N,) along the axis.
        chroma: Scales (N,) of the distance to it.
        hue: Angles (N,).

    Example:
        >>> one, red = torch.ones(1), torch.tensor([1.0, 0.0, 0.0])
        >>> (color_matrix(one, one, 2 * math.pi / 3 * one) @ red).round().abs()  # green
        tensor([[0., 1., 0.]])
    """
    luma, chroma, hue = (each[:, None, None] for each in (luma, chroma, hue))
    identity = torch.eye(3, dtype=luma.dtype, device=luma.device)
    turned = (identity.roll(1, 0) - identity.roll(-1, 0)) / math.sqrt(3)  # [v]_x
    # In this order, luma = chroma = 1 and hue = 0 give the identity to the last bit.
    round_axis = chroma * hue.cos()
    return round_axis * identity + chroma * hue.sin() * turned + (luma - round_axis) / 3
