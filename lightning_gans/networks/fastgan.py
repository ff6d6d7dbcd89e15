"""FastGAN's networks: a light generator with skip-layer excitation, a discriminator that describes what it sees."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import initialize_normal
from lightning_gans.networks.shapes import check_positive, split_inputs
from lightning_gans.networks.spectral import spectrally_normalized
from lightning_gans.networks.stylegan2 import check_square

_SMALLEST = 4  # side of the maps that the generator begins with
_PART, _WHOLE = 16, 8  # sides of the discriminator's maps of which a quarter, and all, is decoded
_LARGEST_DECODED = 128  # side of what is decoded


@runtime_checkable
class SelfSupervised(Protocol):
    """A discriminator that gives logits and two of its maps, of 2 s x 2 s and of s x s, and can decode them."""

    def decode(self, quarter: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Small images (N, C, h, w) of a quarter of the first maps, (N, C, s, s), and of the second ones."""


class SkipExcitation(nn.Module):
    """Scales the channels of large maps by what small ones say: y = F(x_small) x_large.

    Liu et al. 2021, arXiv:2101.04775, section 3.1, eq. 1: squeeze and excitation across resolutions. The gradient of
    large maps takes a short way to small ones, and what is decided early has its say in late layers, style above all.

    Args:
        small: Channels of the small maps.
        large: Channels of the large ones.
    """

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(small, large, 4, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(large, large, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        """Maps (N, C', H, W) of maps (N, C, h, w) and (N, C', H, W)."""
        scales: Tensor = self.layers(small)  # (N, C', 1, 1)
        return scales * large


class FastGANGenerator(nn.Module):
    """FastGAN's generator: one convolution a size, spectrally normalized, and excitations across sizes.

    Liu et al. 2021, arXiv:2101.04775, section 3.1. Of the authors' code the noise in the maps is left out, so that an
    image is a function of its latents alone.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        latent_dim: Z, 256 in the authors' code.
        base_channels: A sixteenth of the channels at 4 x 4; 64 in the authors' code, see ``channels_at``.
        skip: Maps scale those that are so many times as large; 16 in the paper, from 4, 8, 16 to 64, 128, 256.

    Raises:
        ConfigError: A size is not positive, or the image's no power of two.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        latent_dim: int = 64,
        *,
        base_channels: int = 8,
        skip: int = 4,
    ) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_positive(latent_dim=latent_dim, base_channels=base_channels)
        if skip < 2 or skip & (skip - 1):
            raise ConfigError("skip", skip, "how many times as large the scaled maps are: 2, 4, 8, ...")
        self.latent_dim, self.skip = latent_dim, skip
        sides = [_SMALLEST]
        while sides[-1] < side:
            sides.append(2 * sides[-1])
        widths = {each: channels_at(each, base_channels) for each in sides}
        self.first = nn.Sequential(
            nn.Linear(latent_dim, 2 * widths[_SMALLEST] * _SMALLEST**2, bias=False),
            nn.Unflatten(1, (-1, _SMALLEST, _SMALLEST)),
            nn.BatchNorm2d(2 * widths[_SMALLEST]),
            nn.GLU(dim=1),
        )
        self.doublings = nn.ModuleList(_doubling(*pair) for pair in pairwise(widths.values()))
        self.excitations = nn.ModuleDict(
            {str(each): SkipExcitation(widths[each // skip], widths[each]) for each in sides if each // skip in widths}
        )
        self.colors = nn.Sequential(nn.Conv2d(widths[side], channels, 3, padding=1, bias=False), nn.Tanh())
        spectrally_normalized(self.apply(initialize_normal))

    def forward(self, latents: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of latents (N, Z)."""
        split_inputs(rest, num_classes=0)
        maps = {_SMALLEST: self.first(latents)}
        for doubling in self.doublings:
            last = next(reversed(maps))
            grown, side = doubling(maps[last]), 2 * last
            if (name := str(side)) in self.excitations:
                grown = self.excitations[name](maps[side // self.skip], grown)
            maps[side] = grown
        images: Tensor = self.colors(maps[next(reversed(maps))])
        return images


class FastGANDiscriminator(nn.Module):
    """FastGAN's discriminator: an encoder whose maps can be decoded, so that it has to see all of an image.

    Liu et al. 2021, arXiv:2101.04775, section 3.2: residual halvings down to 8 x 8, logits of 5 x 5 overlapping
    patches, and two small decoders, of a quarter of the maps at 16 x 16 and of all of those at 8 x 8. Of the authors'
    code what the paper does not have is left out: excitations, and a second, smaller discriminator.

    Args:
        image_shape: (C, H, H) with H = 16, 32, ...
        base_channels: Channels at side 64; 8 times as many at 8 x 8. 64 in the authors' code.

    Raises:
        ConfigError: A size is not positive, or the image too small or no power of two.
    """

    def __init__(self, image_shape: Sequence[int] | None = None, *, base_channels: int = 8) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_positive(base_channels=base_channels)
        if side < _PART:
            hint = f"must have sides of {_PART} or more: of maps of {_PART} x {_PART} a quarter is decoded"
            raise ConfigError("image_shape", (channels, side, side), hint)
        sides = [side]
        while sides[-1] > _WHOLE:
            sides.append(sides[-1] // 2)
        widths = [max(1, 64 * base_channels // each) for each in sides]
        self.from_colors = nn.Sequential(_conv(channels, widths[0], 3), nn.LeakyReLU(0.2))
        self.halvings = nn.ModuleList(_Halving(*pair) for pair in pairwise(widths))
        last = widths[-1]
        self.logits = nn.Sequential(
            *(_conv(last, 2 * last, 1), nn.BatchNorm2d(2 * last), nn.LeakyReLU(0.2)),
            nn.Conv2d(2 * last, 1, 4, bias=False),
        )
        decoded = min(_LARGEST_DECODED, side // 2)
        self.quarter_decoder = _decoder(widths[-2], decoded, base_channels, channels)
        self.whole_decoder = _decoder(last, decoded, base_channels, channels)
        spectrally_normalized(self.apply(initialize_normal))

    def forward(self, images: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, 1, 5, 5) of images (N, C, H, W), and the maps (N, D, 16, 16) and (N, D', 8, 8)."""
        split_inputs(rest, num_classes=0)
        maps = [self.from_colors(images)]
        for halving in self.halvings:
            maps.append(halving(maps[-1]))
        return self.logits(maps[-1]), maps[-2], maps[-1]

    def decode(self, quarter: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, h, h) in [-1, 1], h = min(H / 2, 128), of maps (N, D, 8, 8) and (N, D', 8, 8)."""
        return self.quarter_decoder(quarter), self.whole_decoder(whole)


class _Halving(nn.Module):
    """Maps at half the size: the mean of what two convolutions and what a mean of four values make of them."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)),
            *(_conv(after, after, 3), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)),
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), _conv(before, after, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2))

    def forward(self, maps: Tensor) -> Tensor:
        halved: Tensor = (self.main(maps) + self.direct(maps)) / 2
        return halved


def channels_at(side: int, base_channels: int) -> int:
    """Channels of the generator's maps at a side: the table of the authors' code.

    Example:
        >>> [channels_at(side, 64) for side in (4, 8, 16, 32, 64, 128, 256)]
        [1024, 512, 256, 128, 128, 64, 32]
    """
    return max(1, base_channels * (64 if side <= 32 else 128) // side)


def quarters(maps: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """One quarter of each of the maps (N, C, H, W), (N, C, H / 2, W / 2): upper ones for row 0, left for column 0.

    Example:
        >>> corners = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
        >>> quarters(corners, torch.tensor([1]), torch.tensor([0])).item()
        3.0
    """
    n, _, height, width = maps.shape
    blocks = maps.unflatten(2, (2, height // 2)).unflatten(4, (2, width // 2))  # (N, C, 2, H / 2, 2, W / 2)
    chosen: Tensor = blocks[torch.arange(n, device=maps.device), :, row, :, column]
    return chosen


def _conv(before: int, after: int, kernel_size: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, bias=False)


def _doubling(before: int, after: int) -> nn.Sequential:
    """Maps of twice the size: nearest neighbors, a convolution, batch norm, and gates for half of its channels."""
    layers = (_conv(before, 2 * after, 3), nn.BatchNorm2d(2 * after), nn.GLU(dim=1))
    return nn.Sequential(nn.Upsample(scale_factor=2), *layers)


def _decoder(before: int, side: int, base_channels: int, channels: int) -> nn.Sequential:
    """From maps of 8 x 8 to images of a side, by half the generator's channels."""
    layers: list[nn.Module] = []
    width, reached = before, _WHOLE
    while reached < side:
        reached *= 2
        layers.append(_doubling(width, width := max(1, channels_at(reached, base_channels) // 2)))
    return nn.Sequential(*layers, _conv(width, channels, 3), nn.Tanh())
