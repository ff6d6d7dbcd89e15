"""Networks that grow: from 4 x 4 pixels, a resolution after the other, each faded in.

Karras et al. 2018, arXiv:1710.10196, section 2 and table 2. At level 0 they make and see 4 x 4 pixels, at level 1
8 x 8; at level 0.25 the new layers of 8 x 8 count for a quarter, and the enlarged 4 x 4 for the rest.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.networks.equalized import LEAKY_GAIN, EqualizedConv2d, EqualizedLinear, PixelNorm
from lightning_gans.networks.minibatch import MinibatchStdDev
from lightning_gans.networks.shapes import check_not_negative, check_positive, concat_labels, split_inputs
from lightning_gans.networks.stylegan2 import check_square, widths_of

_SMALLEST = 4  # the side of images at level 0


class GrowingNetwork(nn.Module):
    """A network of square images that has grown to a level, the last one unless it is told another.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...

    Raises:
        ConfigError: Another shape.
    """

    fade: Tensor

    def __init__(self, image_shape: Sequence[int] | None) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        self.image_shape, self.last_level = (channels, side, side), (side // _SMALLEST).bit_length() - 1
        self.register_buffer("fade", torch.ones(()), persistent=False)
        self.grow(self.last_level)

    def grow(self, level: float) -> None:
        """Go to a level, from 0 to ``last_level``."""
        self.stage = math.ceil(level)
        """Number of the resolution in use, 0 for 4 x 4."""
        self.fading = self.stage > level
        """Whether its layers are not all that counts."""
        self.fade.fill_(level + 1 - self.stage)

    @property
    def side(self) -> int:
        """The side of images at this level."""
        return _SMALLEST << self.stage

    def faded(self, before: Tensor, after: Tensor) -> Tensor:
        """What is between two of the same shape at this level."""
        return before + self.fade * (after - before)

    def unused(self) -> Tensor:
        """Zero as a function of all parameters: those of other levels get a gradient too, which is zero."""
        return 0 * torch.stack([p.flatten()[0] for p in self.parameters()]).sum()

    def shown(self, images: Tensor) -> Tensor:
        """Images (N, C, H, H) as they are at this level, (N, C, side, side), faded in as generated ones are.

        Raises:
            ConfigError: They have another shape than the network was told.
        """
        if images.shape[1:] != self.image_shape:
            hint = f"the images have {tuple(images.shape[1:])}; tell both networks so"
            raise ConfigError("image_shape", self.image_shape, hint)
        images = F.avg_pool2d(images, images.shape[2] // self.side)
        return self.faded(_doubled(F.avg_pool2d(images, 2)), images) if self.fading else images


class GrowingGenerator(GrowingNetwork):
    """One that makes images: ``images`` at its level, which a call enlarges to all of their pixels."""

    def images(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, side, side) from latents (N, Z), and labels (N,) where there are any."""
        raise NotImplementedError

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """The same enlarged by nearest neighbors, (N, C, H, H)."""
        images = self.images(z, *rest)
        return F.interpolate(images, scale_factor=self.image_shape[1] // self.side)


class ProgressiveGenerator(GrowingGenerator):
    """The generator: pixel norm after each convolution, nearest neighbors between resolutions.

    Colors are linear: nothing bounds them to [-1, 1].

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        latent_dim: Z.
        num_classes: Number of classes of the labels that it is given; 0 for none.
        channel_base: Channels at side s are channel_base / s, and at most ``max_channels``; 8192 in the paper.
        max_channels: 512 in the paper.

    Raises:
        ConfigError: A size is not positive, or the image's no power of two.

    Example:
        >>> generator = ProgressiveGenerator((3, 32, 32), 16)
        >>> generator.grow(1.5)
        >>> generator.images(torch.zeros(2, 16)).shape, generator(torch.zeros(2, 16)).shape
        (torch.Size([2, 3, 16, 16]), torch.Size([2, 3, 32, 32]))
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        latent_dim: int = 64,
        num_classes: int = 0,
        *,
        channel_base: int = 512,
        max_channels: int = 64,
    ) -> None:
        super().__init__(image_shape)
        check_positive(latent_dim=latent_dim)
        check_not_negative(num_classes=num_classes)
        channels, side, _ = self.image_shape
        widths = widths_of(side, channel_base, max_channels)
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.norm = PixelNorm()
        # The gain of a convolution of 4 x 4, as which the paper counts it.
        self.project = EqualizedLinear(latent_dim + num_classes, widths[0] * _SMALLEST**2, gain=LEAKY_GAIN / _SMALLEST)
        self.blocks = nn.ModuleList([_Layer(widths[0], widths[0])])
        for before, after in pairwise(widths):
            self.blocks.append(nn.Sequential(nn.Upsample(scale_factor=2), _Layer(before, after), _Layer(after, after)))
        self.to_colors = nn.ModuleList(EqualizedConv2d(width, channels, 1) for width in widths)

    def images(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, side, side) from latents (N, Z), and labels (N,) where there are any."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        maps = self.project(self.norm(concat_labels(z, labels, self.num_classes)))
        before = maps = self.norm(F.leaky_relu(maps.unflatten(1, (-1, _SMALLEST, _SMALLEST)), 0.2))
        for block in self.blocks[: self.stage + 1]:
            before, maps = maps, block(maps)
        images: Tensor = self.to_colors[self.stage](maps)
        return self.faded(_doubled(self.to_colors[self.stage - 1](before)), images) if self.fading else images


class ProgressiveDiscriminator(GrowingNetwork):
    """The discriminator: the generator's mirror image, with the standard deviation of small groups of samples.

    Labels join the last maps as constant ones.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        num_classes: Number of classes of the labels that it is shown; 0 for none.
        channel_base: As the generator's.
        max_channels: As the generator's.
        group: Size of the groups whose deviation it sees, 4 in the authors' code; None for none.

    Raises:
        ConfigError: A size is not positive, or the image's no power of two.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        num_classes: int = 0,
        *,
        channel_base: int = 512,
        max_channels: int = 64,
        group: int | None = 4,
    ) -> None:
        super().__init__(image_shape)
        check_not_negative(num_classes=num_classes)
        channels, side, _ = self.image_shape
        widths = widths_of(side, channel_base, max_channels)
        self.num_classes, last = num_classes, widths[0]
        shape = (last, _SMALLEST, _SMALLEST)
        self.deviation = None if group is None else MinibatchStdDev(shape, group, strided=True)
        self.from_colors = nn.ModuleList(_Layer(channels, width, kernel_size=1, norm=False) for width in widths)
        self.blocks = nn.ModuleList([_Layer(last + (group is not None) + num_classes, last, norm=False)])
        for after, before in pairwise(widths):
            layers = _Layer(before, before, norm=False), _Layer(before, after, norm=False)
            self.blocks.append(nn.Sequential(*layers, nn.AvgPool2d(2)))
        self.linear = EqualizedLinear(last * _SMALLEST**2, last, gain=LEAKY_GAIN)
        self.out = EqualizedLinear(last, 1)

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) of images of the present level, (N, C, side, side), and labels (N,)."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        maps = self.from_colors[self.stage](images)
        for number in range(self.stage, 0, -1):
            maps = self.blocks[number](maps)
            if number == self.stage and self.fading:
                maps = self.faded(self.from_colors[number - 1](F.avg_pool2d(images, 2)), maps)
        maps = concat_labels(maps, labels, self.num_classes)
        if self.deviation is not None:
            maps = self.deviation(maps)
        logits: Tensor = self.out(F.leaky_relu(self.linear(self.blocks[0](maps).flatten(1)), 0.2))
        return logits


class _Layer(nn.Module):
    """A convolution, leaky ReLU, and pixel norm in generators."""

    def __init__(self, before: int, after: int, *, kernel_size: int = 3, norm: bool = True) -> None:
        super().__init__()
        self.conv = EqualizedConv2d(before, after, kernel_size, gain=LEAKY_GAIN)
        self.norm = PixelNorm() if norm else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        normalized: Tensor = self.norm(F.leaky_relu(self.conv(maps), 0.2))
        return normalized


def _doubled(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2)
