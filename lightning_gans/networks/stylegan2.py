"""StyleGAN2's networks: a mapping, a synthesis by modulated convolutions, a residual discriminator."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.networks.equalized import LEAKY_GAIN, EqualizedConv2d, EqualizedLinear, PixelNorm
from lightning_gans.networks.minibatch import MinibatchStdDev
from lightning_gans.networks.resampling import blur, downsample, upsample
from lightning_gans.networks.shapes import check_image_shape, check_not_negative, check_positive, split_inputs

_SMALLEST = 4  # side of the maps that everything begins with, and ends


class StyleMapping(nn.Module):
    """From latents (N, Z), and labels, to styles (N, W): fully connected layers that learn at a hundredth of the rate.

    Karras et al. 2019, arXiv:1812.04948, section 2; labels as in the authors' code of 2020: embedded, normalized, and
    joined to the normalized latent.
    """

    def __init__(self, latent_dim: int, num_classes: int, style_dim: int, num_layers: int) -> None:
        super().__init__()
        embedded = (latent_dim or style_dim) if num_classes else 0
        sizes = [latent_dim + embedded, *[style_dim] * num_layers]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            linear = EqualizedLinear(before, after, gain=LEAKY_GAIN, lr_multiplier=0.01)
            layers += [linear, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.normalize = PixelNorm()
        self.embedding = EqualizedLinear(num_classes, embedded) if num_classes else None

    def forward(self, latents: Tensor | None, labels: Tensor | None = None) -> Tensor:
        """Styles (N, W) of latents (N, Z) and labels (N,), as far as there are both."""
        parts = [] if latents is None else [self.normalize(latents)]
        if self.embedding is not None:
            assert labels is not None
            one_hot = F.one_hot(labels.long(), self.embedding.weight.shape[1]).to(self.embedding.weight.dtype)
            parts.append(self.normalize(self.embedding(one_hot)))
        styles: Tensor = self.layers(torch.cat(parts, dim=1))
        return styles


class ModulatedConv2d(EqualizedConv2d):
    """A convolution whose weights are scaled by a style, sample by sample: the heart of StyleGAN2.

        w'_ijk = s_i w_ijk,    w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + 1e-8)

    Karras et al. 2020, arXiv:1912.04958, section 2.2, eqs. 1 and 3. Computed as one convolution for all samples: the
    input is scaled by s, the output by the root, which is the same and on a CPU several times as fast as a convolution
    a sample.

    Args:
        in_channels: Of the maps.
        out_channels: Of what comes out.
        kernel_size: Odd.
        style_dim: W; an affine layer turns styles into s, 1 at first.
        demodulate: Whether outputs are scaled back (eq. 3); not where colors come out.
        up: Whether the size is doubled, without aliases.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        style_dim: int,
        demodulate: bool = True,
        up: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias=False)
        self.affine = EqualizedLinear(style_dim, in_channels, bias_init=1.0)
        self.demodulate, self.up = demodulate, up

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:  # type: ignore[override]
        """Maps (N, C', H, W), or twice as large, of maps (N, C, H, W) and styles (N, W)."""
        scales, weight = self.affine(styles), self.scaled_weight()
        maps = maps * scales[:, :, None, None]
        if self.up:
            maps = blur(F.conv_transpose2d(maps, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)
        else:
            maps = F.conv2d(maps, weight, padding=self.padding)
        if not self.demodulate:
            return maps
        norms = (scales.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()  # (N, C')
        demodulated: Tensor = maps * norms[:, :, None, None]
        return demodulated


class StyledLayer(nn.Module):
    """A modulated convolution with noise of learned strength, a bias and a leaky ReLU."""

    def __init__(self, before: int, after: int, *, style_dim: int, noise: bool, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(before, after, 3, style_dim=style_dim, up=up)
        self.strength = nn.Parameter(torch.zeros(())) if noise else None
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, maps: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
        """Maps of maps (N, C, H, W), styles (N, W), and noise (N or 1, 1, H', W') of the size that comes out."""
        maps = self.conv(maps, styles)
        if self.strength is not None:
            maps = maps + noise * self.strength
        return _leaky(maps + self.bias[:, None, None])


class ToRGB(nn.Module):
    """Colors of maps: a modulated 1 x 1 convolution without demodulation, and a bias."""

    def __init__(self, before: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(before, channels, 1, style_dim=style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        """Colors (N, C, H, W)."""
        colors: Tensor = self.conv(maps, styles)
        return colors + self.bias[:, None, None]


class _Block(nn.Module):
    """One resolution of the synthesis: one styled layer at 4 x 4, two from there on, and what they add to the image."""

    def __init__(self, before: int, after: int, channels: int, *, style_dim: int, noise: bool, first: bool) -> None:
        super().__init__()
        layers = [StyledLayer(after, after, style_dim=style_dim, noise=noise)]
        if not first:
            layers.insert(0, StyledLayer(before, after, style_dim=style_dim, noise=noise, up=True))
        self.layers = nn.ModuleList(layers)
        self.colors = ToRGB(after, channels, style_dim)

    def forward(
        self, maps: Tensor, image: Tensor | None, styles: Tensor, noises: Iterator[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Maps and the image so far, of those of half the size, and of the styles from this block on."""
        for number, layer in enumerate(self.layers):
            maps = layer(maps, styles[:, number], next(noises))
        colors = self.colors(maps, styles[:, len(self.layers)])
        return maps, colors if image is None else upsample(image) + colors


class StyleGenerator(nn.Module):
    """StyleGAN2's generator with skip connections: latents to styles, styles to images.

    Karras et al. 2020, arXiv:1912.04958, fig. 2 and 7 (config F): a learned constant of 4 x 4, two modulated
    convolutions with noise at each resolution, and colors of each resolution added to the enlarged ones before. Colors
    are linear: nothing bounds them to [-1, 1].

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        latent_dim: Z.
        num_classes: Number of classes of the labels that it is given; 0 for none.
        style_dim: W.
        channel_base: Channels at side s are channel_base / s, and at most ``max_channels``.
        max_channels: 512 in the paper.
        mapping_layers: Layers from latents to styles; 8 in the paper, 2 in the authors' later recipes for small images.
        noise: Whether layers have noise of a strength that they learn.

    Raises:
        ConfigError: A size is not positive, or the image's no power of two.
    """

    mean_style: Tensor
    """The mean of all styles, (W,), followed while it is trained."""
    fixed_noise: Tensor

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        latent_dim: int = 64,
        num_classes: int = 0,
        *,
        style_dim: int = 64,
        channel_base: int = 512,
        max_channels: int = 64,
        mapping_layers: int = 2,
        noise: bool = True,
    ) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_positive(latent_dim=latent_dim, style_dim=style_dim, mapping_layers=mapping_layers)
        widths = widths_of(side, channel_base, max_channels)
        self.image_shape, self.latent_dim, self.num_classes = (channels, side, side), latent_dim, num_classes
        self.style_dim = style_dim
        self.mapping_network = StyleMapping(latent_dim, num_classes, style_dim, mapping_layers)
        self.constant = nn.Parameter(torch.randn(widths[0], _SMALLEST, _SMALLEST))
        pairs = [(widths[0], widths[0]), *pairwise(widths)]
        self.blocks = nn.ModuleList(
            _Block(*pair, channels, style_dim=style_dim, noise=noise, first=not number)
            for number, pair in enumerate(pairs)
        )
        self.noise_sides = [_SMALLEST, *(_SMALLEST << number for number in range(1, len(pairs)) for _ in range(2))]
        self.num_styles = len(self.noise_sides) + 1
        """Number of styles of an image: one for each layer, and one for the last colors."""
        self.num_noise = sum(side * side for side in self.noise_sides)
        """Number of noise values of an image."""
        self.register_buffer("mean_style", torch.zeros(style_dim))
        self.register_buffer("fixed_noise", torch.randn(self.num_noise))

    def mapping(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Styles (N, W) of latents (N, Z), and of labels (N,) where there are classes."""
        styles: Tensor = self.mapping_network(latents, labels)
        return styles

    def truncate(self, styles: Tensor, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """Styles (N, W) for all layers, (N, L, W), drawn towards their mean: mean + psi (w - mean).

        Karras et al. 2019, arXiv:1812.04948, app. B; in the first ``cutoff`` layers only, or in all.
        """
        every = styles[:, None].expand(-1, self.num_styles, -1)
        if psi == 1.0:
            return every
        drawn = self.mean_style.lerp(every, psi)
        return drawn if cutoff is None else torch.cat([drawn[:, :cutoff], every[:, cutoff:]], dim=1)

    def synthesis(self, styles: Tensor, noise: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) of styles (N, L, W), one for each layer.

        Noise (N, P) of ``num_noise`` standard normal values; None for the one that the network keeps.
        """
        if styles.shape[1:] != (self.num_styles, self.style_dim):
            hint = f"must be (N, {self.num_styles}, {self.style_dim}); truncate makes one style a sample so many"
            raise ConfigError("styles", tuple(styles.shape), hint)
        noises = self._noise_maps(self.fixed_noise[None] if noise is None else noise)
        image: Tensor | None = None
        maps = self.constant.expand(len(styles), -1, -1, -1)
        for number, block in enumerate(self.blocks):
            maps, image = block(maps, image, styles[:, max(2 * number - 1, 0) :], noises)
        assert image is not None
        return image

    def forward(
        self, latents: Tensor, *rest: Tensor, psi: float = 1.0, cutoff: int | None = None, fixed_noise: bool = False
    ) -> Tensor:
        """Images (N, C, H, W) of latents (N, Z), labels (N,) where there are classes, and noise (N, P) if it is given.

        Args:
            latents: Latents.
            rest: Labels, then noise.
            psi: Truncation of the styles; see ``truncate``.
            cutoff: Number of layers that are truncated.
            fixed_noise: The noise that the network keeps, whatever is given.
        """
        own = bool(self.num_classes)
        _, labels = split_inputs(rest[:own], num_classes=self.num_classes)
        noise = rest[own] if len(rest) > own and not fixed_noise else None
        return self.synthesis(self.truncate(self.mapping(latents, labels), psi, cutoff), noise)

    def _noise_maps(self, noise: Tensor) -> Iterator[Tensor]:
        parts = noise.split([side * side for side in self.noise_sides], dim=1)
        return (part.view(-1, 1, side, side) for part, side in zip(parts, self.noise_sides, strict=True))


class StyleDiscriminator(nn.Module):
    """StyleGAN2's residual discriminator.

    Karras et al. 2020, arXiv:1912.04958, fig. 7, with the standard deviation of small groups of samples; where labels
    are given, the logit is the inner product of features and the embedded label (Miyato and Koyama 2018,
    arXiv:1802.05637), as in the authors' code.

    Args:
        image_shape: (C, H, H) with H = 8, 16, 32, ...
        num_classes: Number of classes of the labels that it is shown; 0 for none.
        channel_base: Channels at side s are channel_base / s, and at most ``max_channels``.
        max_channels: 512 in the paper.
        group: Size of the groups whose deviation it sees, 4 in the paper; None for none.
        residual: Whether maps pass beside the convolutions too; not in the authors' recipe for CIFAR-10.

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
        residual: bool = True,
    ) -> None:
        super().__init__()
        channels, side = check_square(image_shape)
        check_not_negative(num_classes=num_classes)
        widths = widths_of(side, channel_base, max_channels)[::-1]
        self.num_classes = num_classes
        self.from_colors = EqualizedConv2d(channels, widths[0], 1)
        self.blocks = nn.ModuleList(_Halving(*pair, residual=residual) for pair in pairwise(widths))
        last = widths[-1]
        self.deviation = None if group is None else MinibatchStdDev((last, _SMALLEST, _SMALLEST), group)
        self.conv = EqualizedConv2d(last + (group is not None), last, 3)
        self.linear = EqualizedLinear(last * _SMALLEST**2, last)
        self.out = EqualizedLinear(last, last if num_classes else 1)
        self.labels = StyleMapping(0, num_classes, last, 8) if num_classes else None

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) of images (N, C, H, W), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        maps = _leaky(self.from_colors(images))
        for block in self.blocks:
            maps = block(maps)
        if self.deviation is not None:
            maps = self.deviation(maps)
        features: Tensor = self.out(_leaky(self.linear(_leaky(self.conv(maps)).flatten(1))))
        if self.labels is None:
            return features
        shown: Tensor = self.labels(None, labels)
        return (features * shown).sum(1, keepdim=True) / math.sqrt(shown.shape[1])


class _Halving(nn.Module):
    """Maps at half the size: two convolutions, and perhaps one of 1 x 1 beside them."""

    def __init__(self, before: int, after: int, *, residual: bool) -> None:
        super().__init__()
        self.first = EqualizedConv2d(before, before, 3)
        self.second = EqualizedConv2d(before, after, 3)
        self.skip = EqualizedConv2d(before, after, 1, bias=False) if residual else None

    def forward(self, maps: Tensor) -> Tensor:
        inner = blur(_leaky(self.first(maps)), padding=2)
        inner = _leaky(F.conv2d(inner, self.second.scaled_weight(), self.second.bias, stride=2))
        if self.skip is None:
            return inner
        outer: Tensor = self.skip(downsample(maps))
        return (inner + outer) / math.sqrt(2)


def _leaky(maps: Tensor) -> Tensor:
    return F.leaky_relu(maps, 0.2) * LEAKY_GAIN


def check_square(image_shape: Sequence[int] | None) -> tuple[int, int]:
    """Channels and side of an image shape (C, H, H) whose side is 4 doubled several times.

    Raises:
        ConfigError: Not given, or another shape.
    """
    channels, height, width = check_image_shape("image_shape", image_shape)
    if height != width or height & (height - 1):
        hint = "its sides must be 8, 16, 32, ...: maps are doubled from 4 x 4; resize the images (data.image_size)"
        raise ConfigError("image_shape", (channels, height, width), hint)
    return channels, height


def widths_of(side: int, channel_base: int, max_channels: int) -> list[int]:
    """Channels at sides 4, 8, ... up to a side.

    Example:
        >>> widths_of(32, 512, 64)
        [64, 64, 32, 16]
    """
    check_positive(channel_base=channel_base, max_channels=max_channels)
    sides = [_SMALLEST << number for number in range(side.bit_length() - _SMALLEST.bit_length() + 1)]
    return [max(1, min(channel_base // each, max_channels)) for each in sides]
