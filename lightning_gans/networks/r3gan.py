"""R3GAN's networks: residual ones without normalization, with grouped convolutions between 1 x 1 ones."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.resampling import downsample, upsample
from lightning_gans.networks.shapes import check_not_negative, check_positive, split_inputs
from lightning_gans.networks.stylegan2 import check_square, widths_of

_SMALLEST = 4  # side of the maps that the generator begins with, and the discriminator ends with
_EXPANSION = 2  # how many times as many channels the inside of a block has
_LEAKY_GAIN = math.sqrt(2 / (1 + 0.2**2))  # keeps the variance of what passes a leaky ReLU of slope 0.2


class ResidualBlock(nn.Module):
    """Maps with what a 1 x 1, a grouped 3 x 3 and a 1 x 1 convolution make of them added: at first nothing.

    Huang et al. 2024, arXiv:2501.05441, section 3. Fixup (Zhang et al. 2019, arXiv:1901.09321, section 3) in place of
    normalization: the last convolution starts at 0, the others with weights smaller by L^(-1 / (2 m - 2)) for m = 3
    convolutions, so that one step changes what a network of L blocks gives no more than what a shallow one does.

    Args:
        width: Channels of the maps; twice as many between the convolutions.
        group_size: Channels of each group of the 3 x 3 convolution.
        num_blocks: L, of the network.

    Raises:
        ConfigError: The channels do not divide into groups.
    """

    def __init__(self, width: int, group_size: int, num_blocks: int) -> None:
        super().__init__()
        inside = _EXPANSION * width
        group_size = min(group_size, inside)
        if inside % group_size:
            hint = f"does not divide the {inside} channels inside a block of {width}; choose sizes that do"
            raise ConfigError("group_size", group_size, hint)
        gain = _LEAKY_GAIN * num_blocks ** (-1 / 4)
        self.branch = nn.Sequential(
            _conv(width, inside, 1, gain=gain, bias=True),
            nn.LeakyReLU(0.2),
            _conv(inside, inside, 3, gain=gain, bias=True, groups=inside // group_size),
            nn.LeakyReLU(0.2),
            _conv(inside, width, 1, gain=0.0),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, H, W)."""
        added: Tensor = self.branch(maps)
        return maps + added


class R3GANGenerator(nn.Module):
    """R3GAN's generator: a learned basis of 4 x 4, scaled by the latents, then blocks and doublings in turn.

    Huang et al. 2024, arXiv:2501.05441, section 3; doublings are filtered by [1, 3, 3, 1], after a 1 x 1 convolution
    where the number of channels changes. Colors are linear: nothing bounds them to [-1, 1]. Labels are embedded and
    joined to the latents, as in the authors' code.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        latent_dim: Z, 64 in the paper.
        num_classes: Number of classes of the labels that it is given; 0 for none.
        channel_base: Channels at side s are channel_base / s, and at most ``max_channels``; 24,576 in the paper.
        max_channels: 768 in the paper, 1,536 for ImageNet.
        group_size: Channels of each group of a 3 x 3 convolution; 16 in the paper, 32 for ImageNet.
        num_blocks: Blocks at each size, 2 in the paper.

    Raises:
        ConfigError: A size is not positive, the image's no power of two, or channels do not divide into groups.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        latent_dim: int = 64,
        num_classes: int = 0,
        *,
        channel_base: int = 512,
        max_channels: int = 64,
        group_size: int = 16,
        num_blocks: int = 1,
    ) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_positive(latent_dim=latent_dim, group_size=group_size, num_blocks=num_blocks)
        check_not_negative(num_classes=num_classes)
        widths = widths_of(side, channel_base, max_channels)
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.embedding = _embedding(num_classes, latent_dim) if num_classes else None
        self.basis = nn.Parameter(torch.randn(widths[0], _SMALLEST, _SMALLEST))
        self.scales = _linear(latent_dim * (1 + bool(num_classes)), widths[0])
        layers = _blocks(widths[0], group_size, num_blocks, len(widths))
        for before, after in pairwise(widths):
            layers += [_Doubling(before, after), *_blocks(after, group_size, num_blocks, len(widths))]
        self.layers = nn.Sequential(*layers)
        self.colors = _conv(widths[-1], channels, 1)

    def forward(self, latents: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) of latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        images: Tensor = self.colors(self.layers(self.basis * self.scales(latents)[:, :, None, None]))
        return images


class R3GANDiscriminator(nn.Module):
    """R3GAN's discriminator: the generator's mirror image, down to a basis of 4 x 4.

    It has no normalization and compares no samples. Where labels are given, the logit is the inner product of features
    and the embedded label (Miyato and Koyama 2018, arXiv:1802.05637), as in the authors' code.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        num_classes: Number of classes of the labels that it is shown; 0 for none.
        channel_base: As of ``R3GANGenerator``, and so the rest.
        max_channels: At most.
        group_size: Channels of each group.
        num_blocks: Blocks at each size.

    Raises:
        ConfigError: A size is not positive, the image's no power of two, or channels do not divide into groups.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        num_classes: int = 0,
        *,
        channel_base: int = 512,
        max_channels: int = 64,
        group_size: int = 16,
        num_blocks: int = 1,
    ) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_positive(group_size=group_size, num_blocks=num_blocks)
        check_not_negative(num_classes=num_classes)
        widths = widths_of(side, channel_base, max_channels)[::-1]
        last = widths[-1]
        self.num_classes = num_classes
        layers = [_conv(channels, widths[0], 1), *_blocks(widths[0], group_size, num_blocks, len(widths))]
        for before, after in pairwise(widths):
            layers += [_Halving(before, after), *_blocks(after, group_size, num_blocks, len(widths))]
        self.layers = nn.Sequential(*layers)
        self.basis = nn.Parameter(torch.randn(last, _SMALLEST, _SMALLEST) / _SMALLEST)
        self.features = _linear(last, last if num_classes else 1)
        self.embedding = _embedding(num_classes, last, gain=last**-0.5) if num_classes else None

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) of images (N, C, H, W), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        features: Tensor = self.features((self.basis * self.layers(images)).sum((2, 3)))
        return features if self.embedding is None else (features * self.embedding(labels)).sum(1, keepdim=True)


class _Doubling(nn.Module):
    """Maps of twice the size; the number of channels changes before, where there are fewer values."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = _channels_to(before, after)

    def forward(self, maps: Tensor) -> Tensor:
        return upsample(self.conv(maps))


class _Halving(nn.Module):
    """Maps of half the size; the number of channels changes after."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = _channels_to(before, after)

    def forward(self, maps: Tensor) -> Tensor:
        halved: Tensor = self.conv(downsample(maps))
        return halved


def _channels_to(before: int, after: int) -> nn.Module:
    return nn.Identity() if before == after else _conv(before, after, 1)


def _blocks(width: int, group_size: int, num_blocks: int, num_sizes: int) -> list[nn.Module]:
    """The blocks of one size."""
    return [ResidualBlock(width, group_size, num_blocks * num_sizes) for _ in range(num_blocks)]


def _conv(
    before: int, after: int, kernel_size: int, *, gain: float = 1.0, bias: bool = False, groups: int = 1
) -> nn.Conv2d:
    conv = nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, groups=groups, bias=bias)
    _draw(conv.weight, gain)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _linear(before: int, after: int) -> nn.Linear:
    linear = nn.Linear(before, after, bias=False)
    _draw(linear.weight)
    return linear


def _embedding(num_classes: int, size: int, gain: float = 1.0) -> nn.Embedding:
    """As a linear layer of one-hot labels would be: its fan-in is the number of classes."""
    embedding = nn.Embedding(num_classes, size)
    nn.init.normal_(embedding.weight, std=gain * num_classes**-0.5)
    return embedding


def _draw(weight: Tensor, gain: float = 1.0) -> None:
    """Weights of N(0, gain^2 / fan-in): He et al. 2015, arXiv:1502.01852, eq. 10."""
    nn.init.normal_(weight, std=gain * weight[0].numel() ** -0.5)
