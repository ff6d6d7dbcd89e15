"""The networks of SRGAN and ESRGAN: from small images to large ones, and what scores the large ones."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import Norm, UpsampledConv2d, norm_layers
from lightning_gans.networks.shapes import check_image_shape, check_not_negative, check_positive

_SCALES = (2, 3, 4, 8)
_SMALLEST_SOURCE = 4  # pixels
_DETAILS = 4  # so that they are about as large as images
_CUBIC_REACH = 2  # pixels of the source around a pixel that bicubic interpolation looks at


class _Enlarger(nn.Module):
    """What both generators begin and end with."""

    scale: int
    skip: bool

    def _completed(self, source: Tensor, details: Tensor) -> Tensor:
        """Details, with the bicubic image where they are added to it, cut to [-1, 1].

        White that is overshot is white, and takes no part in a loss: without the cut an error of one or two levels
        stays in all white areas, which a discriminator finds and the game makes worse.
        """
        images = details + enlarged_bicubically(source, self.scale) if self.skip else details
        return images.clamp(-1, 1)


class SRResNet(_Enlarger):
    """Residual blocks at the size of the source, then convolutions whose channels become pixels.

    Ledig et al. 2017, arXiv:1609.04802, section 3.1 and figure 4: k9n64, 16 blocks of two k3n64 with batch norm and
    PReLU, a k3n64, k3n256 with shuffling of pixels once for each doubling, k9n3. There is no tanh, as in the figure;
    what lies beyond [-1, 1] is cut off.

    Args:
        source_shape: (C, h, w) of small images; any size is enlarged that has 4 pixels or more on each side.
        image_shape: (C', scale h, scale w) of large ones, with a scale of 2, 3, 4 or 8.
        base_channels: Channels of all hidden maps.
        num_blocks: Residual blocks.
        kernel_size: Of the first and the last convolution, odd.
        norm: ``batch`` or ``instance``; None for none, as in what came after (Lim et al. 2017, arXiv:1707.02921).
        skip: Whether the bicubically enlarged source is added to the output, so that details alone are learned; not in
            the paper. Sources then have as many channels as images, or one.

    Raises:
        ConfigError: A shape is missing, or no scale lies between them; a setting is out of its range.

    Example:
        >>> SRResNet((3, 16, 16), (3, 64, 64), base_channels=4, num_blocks=2)(torch.zeros(1, 3, 20, 17)).shape
        torch.Size([1, 3, 80, 68])
    """

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_blocks: int = 16,
        kernel_size: int = 9,
        norm: Norm | None = "batch",
        skip: bool = False,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels)
        check_not_negative(num_blocks=num_blocks)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigError("kernel_size", kernel_size, "must be odd, so that a pixel is in the middle")
        margin = kernel_size // 2
        self.source_channels, channels, self.scale = _check_enlargement(source_shape, image_shape, skip)
        self.skip = skip
        bias = norm is None
        self.stem = nn.Sequential(
            nn.Conv2d(self.source_channels, base_channels, kernel_size, padding=margin), nn.PReLU()
        )
        self.blocks = nn.Sequential(*(_ResidualBlock(base_channels, norm) for _ in range(num_blocks)))
        after = nn.Conv2d(base_channels, base_channels, 3, padding=1, bias=bias)
        self.after = nn.Sequential(after, *norm_layers(norm, base_channels))
        layers: list[nn.Module] = []
        reach, side = margin + 2.0 * num_blocks + 1, 1  # in pixels of the source
        for factor in _factors(self.scale):
            shuffled = nn.Conv2d(base_channels, factor**2 * base_channels, 3, padding=1)
            layers += [shuffled, nn.PixelShuffle(factor), nn.PReLU()]
            reach, side = reach + 1 / side, side * factor
        self.up = nn.Sequential(*layers)
        self.out = nn.Conv2d(base_channels, channels, kernel_size, padding=margin)
        bounded = math.ceil(reach + margin / self.scale) + (_CUBIC_REACH if skip else 0)
        self.overlap = None if norm == "instance" else bounded  # whose statistics are of the whole image
        self.to(memory_format=torch.channels_last)  # two thirds of the time on a CPU

    def forward(self, source: Tensor) -> Tensor:
        """Images (N, C', scale h, scale w) in [-1, 1] of sources (N, C, h, w)."""
        _check_source(source, self.source_channels)
        first = self.stem(source)
        return self._completed(source, self.out(self.up(first + self.after(self.blocks(first)))))


class RRDBNet(_Enlarger):
    """Residual-in-residual dense blocks without normalization, then nearest neighbors and convolutions.

    Wang et al. 2018, arXiv:1809.00219, section 3.1, with the settings of the authors' code: 23 blocks, 64 channels, 32
    more from each dense layer, what a block adds scaled by 0.2, weights as small as He's times 0.1.

    Args:
        source_shape: As of ``SRResNet``.
        image_shape: Likewise.
        base_channels: Channels of the map that goes through all blocks.
        growth_channels: Channels that each of four dense layers adds inside a block.
        num_blocks: Blocks of three dense ones each.
        skip: As of ``SRResNet``.

    Raises:
        ConfigError: A shape is missing, or no scale lies between them; a setting is out of its range.

    Example:
        >>> network = RRDBNet((1, 8, 8), (1, 24, 24), base_channels=4, growth_channels=2, num_blocks=1)
        >>> network(torch.zeros(1, 1, 8, 9)).shape
        torch.Size([1, 1, 24, 27])
    """

    overlap = 24
    """Less than the blocks can reach, 15 pixels each, but about all that they make use of: see the page of ESRGAN."""

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        growth_channels: int = 32,
        num_blocks: int = 23,
        skip: bool = False,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, growth_channels=growth_channels, num_blocks=num_blocks)
        self.source_channels, channels, self.scale = _check_enlargement(source_shape, image_shape, skip)
        self.skip = skip
        self.stem = nn.Conv2d(self.source_channels, base_channels, 3, padding=1)
        self.blocks = nn.Sequential(*(_DenseBlocks(base_channels, growth_channels) for _ in range(num_blocks)))
        self.after = nn.Conv2d(base_channels, base_channels, 3, padding=1)
        layers: list[nn.Module] = []
        for factor in _factors(self.scale):
            layers += [_enlarging(factor, base_channels), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(base_channels, base_channels, 3, padding=1), nn.LeakyReLU(0.2)]
        self.up = nn.Sequential(*layers, nn.Conv2d(base_channels, channels, 3, padding=1))
        self.to(memory_format=torch.channels_last)  # as in SRResNet

    def forward(self, source: Tensor) -> Tensor:
        """Images (N, C', scale h, scale w) in [-1, 1] of sources (N, C, h, w)."""
        _check_source(source, self.source_channels)
        first = self.stem(source)
        return self._completed(source, self.up(first + self.after(self.blocks(first))))


class SRDiscriminator(nn.Module):
    """The discriminator of SRGAN: eight convolutions, every other strided, then two linear layers.

    Ledig et al. 2017, arXiv:1609.04802, section 3.1 and figure 4, as VGG: k3n64s1, k3n64s2, ... k3n512s2 with leaky
    ReLU of slope 0.2 and batch norm on all but the first, then 1,024 features and a logit.

    Args:
        image_shape: (C, H, W) of the images, and of no others; 96 x 96 in the paper.
        base_channels: Channels of the first map; twice as many after each second halving, up to 8 times.
        hidden_features: Of the first linear layer.
        norm: As of ``SRResNet``.
        details: Whether images are seen beside four times what differs from the mean of the nine pixels around; not in
            the paper. What a generator that knows contents lacks is there, and is found many times sooner.

    Raises:
        ConfigError: The shape is missing or under 8 pixels, or a size is not positive.

    Example:
        >>> SRDiscriminator((3, 64, 64), base_channels=4, hidden_features=8)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        hidden_features: int = 1024,
        norm: Norm | None = "batch",
        details: bool = False,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, hidden_features=hidden_features)
        channels, *self.size = check_image_shape("image_shape", image_shape)
        self.details = details
        widths = [2 * channels if details else channels, *(base_channels * 2 ** (number // 2) for number in range(8))]
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            norms = norm_layers(norm, after) if number else []  # none on the first map
            layers.append(nn.Conv2d(before, after, 3, stride=1 + number % 2, padding=1, bias=not norms))
            layers += [*norms, nn.LeakyReLU(0.2)]
        self.hidden = nn.Sequential(*layers)
        smallest = math.prod(math.ceil(side / 16) for side in self.size)
        self.out = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * smallest, hidden_features),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_features, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, 1) of images (N, C, H, W).

        Raises:
            ConfigError: They are of another size.
        """
        if list(image.shape[2:]) != self.size:
            height, width = self.size
            raise ConfigError("image", tuple(image.shape), f"image_shape says {height} x {width} pixels")
        if self.details:
            around = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
            image = torch.cat([image, _DETAILS * (image - around)], dim=1)
        logits: Tensor = self.out(self.hidden(image))
        return logits


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, norm: Norm | None) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, bias=norm is None) for _ in range(2))
        self.hidden = nn.Sequential(
            first, *norm_layers(norm, channels), nn.PReLU(), second, *norm_layers(norm, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.hidden(x)
        return output


class _DenseBlocks(nn.Module):
    """Three dense blocks in a row, a fifth of whose output, itself included, is added to what they were given."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_DenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + 0.2 * self.blocks(x)
        return output


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it made."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        widths = [channels + number * growth for number in range(5)]
        self.dense = nn.ModuleList(nn.Conv2d(width, growth, 3, padding=1) for width in widths[:-1])
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)
        for each in (*self.dense, self.last):
            assert isinstance(each, nn.Conv2d)
            nn.init.kaiming_normal_(each.weight)
            each.weight.data *= 0.1
            assert each.bias is not None
            nn.init.zeros_(each.bias)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.dense:
            seen.append(F.leaky_relu(layer(torch.cat(seen, dim=1)), 0.2))
        output: Tensor = x + 0.2 * self.last(torch.cat(seen, dim=1))
        return output


def enlarged_bicubically(images: Tensor, scale: int) -> Tensor:
    """Images (N, C, h, w) at (N, C, scale h, scale w)."""
    return F.interpolate(images, scale_factor=scale, mode="bicubic", align_corners=False, antialias=True)


def _enlarging(factor: int, channels: int) -> nn.Module:
    if factor == 2:
        return UpsampledConv2d(channels, channels)
    return nn.Sequential(nn.Upsample(scale_factor=factor), nn.Conv2d(channels, channels, 3, padding=1))


def _factors(scale: int) -> tuple[int, ...]:
    """The scale as steps by 2, or one by 3."""
    return (3,) if scale == 3 else (2,) * (scale.bit_length() - 1)


def _check_enlargement(
    source_shape: Sequence[int] | None, image_shape: Sequence[int] | None, skip: bool
) -> tuple[int, int, int]:
    """Channels of sources and of images, and the scale between the two."""
    channels, *size = check_image_shape("image_shape", image_shape)
    if source_shape is None or len(source_shape) != 3:
        hint = "give (channels, height, width) of the small images; the command line takes it from the data"
        raise ConfigError("source_shape", source_shape, hint)
    source_channels, *small = source_shape
    scale = size[0] // max(small[0], 1)
    if scale not in _SCALES or size != [scale * side for side in small]:
        hint = f"is not 2, 3, 4 or 8 times as small as images of {size[0]} x {size[1]} pixels"
        raise ConfigError("source_shape", tuple(source_shape), hint)
    if skip and source_channels not in (1, channels):
        raise ConfigError("skip", True, f"sources have {source_channels} channels, images {channels}; set it to false")
    return source_channels, channels, scale


def _check_source(source: Tensor, channels: int) -> None:
    if source.ndim != 4 or source.shape[1] != channels or min(source.shape[2:]) < _SMALLEST_SOURCE:
        hint = f"must be (N, {channels}, h, w) with sides of {_SMALLEST_SOURCE} pixels or more"
        raise ConfigError("source", tuple(source.shape), hint)
