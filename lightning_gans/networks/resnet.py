"""Residual networks in the manner of SNGAN, for square images of 8 to 128 pixels.

Miyato et al. 2018, arXiv:1802.05957, appendix B.4, table 4 (CIFAR-10): blocks of two 3 x 3 convolutions; the generator
projects to 4 x 4 and doubles the side in each block, the discriminator halves it to about 8 x 8 and goes on at that
size for two more blocks. The same rule gives the networks for other sizes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.networks.layers import FeatureNetwork
from lightning_gans.networks.shapes import (
    check_image_size,
    check_not_negative,
    check_positive,
    concat_labels,
    halved_sides,
    split_inputs,
)
from lightning_gans.networks.spectral import spectrally_normalized


class ResNetGenerator(nn.Module):
    """SNGAN's generator: a projection to a map of about 4 x 4, then residual blocks that double it.

    Args:
        latent_dim: Z.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of all maps; 256 in the paper.
        num_classes: K; labels join the latents as one-hot vectors. 0 or None for a network without labels.

    Raises:
        ConfigError: An impossible shape or size.
    """

    def __init__(
        self,
        latent_dim: int = 128,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 256,
        num_classes: int | None = 0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim, base_channels=base_channels)
        check_not_negative(num_classes=num_classes)
        channels, side = check_image_size(image_shape)
        *sides, smallest = halved_sides(side, 4)
        self.latent_dim, self.num_classes = latent_dim, num_classes or 0
        self.project = nn.Linear(latent_dim + self.num_classes, base_channels * smallest**2)
        self.unflatten = nn.Unflatten(1, (base_channels, smallest, smallest))
        self.blocks = nn.Sequential(*(_up_block(base_channels, to) for to in reversed(sides)))
        out = nn.Conv2d(base_channels, channels, 3, padding=1)
        self.out = nn.Sequential(nn.BatchNorm2d(base_channels), nn.ReLU(), out, nn.Tanh())
        self.apply(_initialize)

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        images: Tensor = self.out(self.blocks(self.unflatten(self.project(concat_labels(z, labels, self.num_classes)))))
        return images


class ResNetDiscriminator(FeatureNetwork):
    """SNGAN's discriminator: residual blocks that halve the map to about 8 x 8, two more, a sum over places, one logit.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of all maps; 128 in the paper.
        spectral_norm: Whether every layer is spectrally normalized, as in the paper.
        num_classes: K, where labels are shown too: they join as constant maps, one of them 1. 0 or None for none.
        labels_per_sample: m, where a sample is a pack of m with a label each: labels are (N, m) then.

    Raises:
        ConfigError: An impossible shape or size.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 128,
        spectral_norm: bool = True,
        num_classes: int | None = 0,
        labels_per_sample: int = 1,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, labels_per_sample=labels_per_sample)
        check_not_negative(num_classes=num_classes)
        channels, side = check_image_size(image_shape)
        self.num_classes, self.labels_per_sample = num_classes or 0, labels_per_sample
        num_downsamplings = max(1, len(halved_sides(side, 4)) - 2)
        blocks: list[nn.Module] = [first_block(channels + self.num_classes * labels_per_sample, base_channels)]
        blocks += [down_block(base_channels, base_channels, halve=True) for _ in range(num_downsamplings - 1)]
        blocks += [down_block(base_channels, base_channels, halve=False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.feature_dim, self.out = base_channels, nn.Linear(base_channels, 1)
        self.apply(_initialize)
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, images: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden map, summed over places: (N, D)."""
        _, labels = split_inputs(rest, num_classes=self.num_classes, labels_per_sample=self.labels_per_sample)
        return torch.relu(self.blocks(concat_labels(images, labels, self.num_classes))).sum((2, 3))


class _Residual(nn.Module):
    def __init__(
        self, hidden: nn.Module, shortcut: nn.Module, *, before: nn.Module | None = None, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.hidden, self.shortcut = hidden, shortcut
        self.before, self.after = before or nn.Identity(), after or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.after(self.hidden(x) + self.shortcut(self.before(x)))
        return output


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)


def _up_block(channels: int, side: int) -> nn.Module:
    """Batch norm, ReLU, enlargement, convolution, twice (enlarged once); beside it the enlarged input."""
    enlarge = nn.Upsample(size=(side, side))
    layers = [nn.BatchNorm2d(channels), nn.ReLU(), enlarge, _conv(channels, channels)]
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), _conv(channels, channels)]
    return _Residual(nn.Sequential(*layers), nn.Conv2d(channels, channels, 1), before=enlarge)


def down_block(before: int, after: int, *, halve: bool) -> nn.Module:
    """ReLU, convolution, twice, then averages of 2 x 2 where the map is halved; beside it the input, likewise."""
    hidden = nn.Sequential(nn.ReLU(), _conv(before, after), nn.ReLU(), _conv(after, after))
    if before == after and not halve:
        return _Residual(hidden, nn.Identity())
    return _Residual(hidden, nn.Conv2d(before, after, 1), after=nn.AvgPool2d(2) if halve else None)


def first_block(before: int, after: int) -> nn.Module:
    """The first block of a discriminator: no ReLU on the image itself, and the cheap order of reducing its shortcut."""
    hidden = nn.Sequential(_conv(before, after), nn.ReLU(), _conv(after, after), nn.AvgPool2d(2))
    return _Residual(hidden, nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1)))


def _initialize(module: nn.Module) -> None:
    """Glorot's uniform weights, the 3 x 3 ones enlarged by sqrt(2) for the ReLU before them, biases zero."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        gain = 2**0.5 if module.weight.ndim == 4 and module.weight.shape[-1] == 3 else 1.0
        nn.init.xavier_uniform_(module.weight, gain)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
