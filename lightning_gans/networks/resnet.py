"""Residual networks in the manner of SNGAN, for square images of 8 to 128 pixels.

Miyato et al. 2018, arXiv:1802.05957, appendix B.4, table 4 (CIFAR-10): blocks of two 3 x 3 convolutions; the generator
projects to 4 x 4 and doubles the side in each block, the discriminator halves it to about 8 x 8 and goes on at that
size for two more blocks. The same rule gives the networks for other sizes.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.networks.shapes import (
    check_image_size,
    check_not_negative,
    check_positive,
    concat_label_maps,
    concat_labels,
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

    Example:
        >>> import torch
        >>> ResNetGenerator(16, (3, 32, 32), base_channels=8)(torch.zeros(2, 16)).shape
        torch.Size([2, 3, 32, 32])
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
        *sides, smallest = _sides(side)
        self.latent_dim, self.num_classes = latent_dim, num_classes or 0
        self.project = nn.Linear(latent_dim + self.num_classes, base_channels * smallest**2)
        self.unflatten = nn.Unflatten(1, (base_channels, smallest, smallest))
        self.blocks = nn.Sequential(*(_UpBlock(base_channels, to) for to in reversed(sides)))
        out = nn.Conv2d(base_channels, channels, 3, padding=1)
        self.out = nn.Sequential(nn.BatchNorm2d(base_channels), nn.ReLU(), out, nn.Tanh())
        self.apply(_initialize)

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        images: Tensor = self.out(self.blocks(self.unflatten(self.project(concat_labels(z, labels, self.num_classes)))))
        return images


class ResNetDiscriminator(nn.Module):
    """SNGAN's discriminator: residual blocks that halve the map to about 8 x 8, two more, a sum over places, one logit.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of all maps; 128 in the paper.
        spectral_norm: Whether every layer is spectrally normalized, as in the paper.
        num_classes: K, where labels are shown too: they join as constant maps, one of them 1. 0 or None for none.
        labels_per_sample: m, where a sample is a pack of m with a label each: labels are (N, m) then.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> ResNetDiscriminator((3, 32, 32), base_channels=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 1])
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
        num_downsamplings = max(1, len(_sides(side)) - 2)
        blocks: list[nn.Module] = [_FirstBlock(channels + self.num_classes * labels_per_sample, base_channels)]
        blocks += [_DownBlock(base_channels, halve=True) for _ in range(num_downsamplings - 1)]
        blocks += [_DownBlock(base_channels, halve=False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.feature_dim, self.out = base_channels, nn.Linear(base_channels, 1)
        self.apply(_initialize)
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, images: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden map, summed over places: (N, D); arguments as of ``forward``."""
        _, labels = split_inputs(rest, num_classes=self.num_classes, labels_per_sample=self.labels_per_sample)
        return F.relu(self.blocks(concat_label_maps(images, labels, self.num_classes))).sum((2, 3))

    def head(self, features: Tensor) -> Tensor:
        """Logits (N, 1) from the last hidden map, summed over places."""
        logits: Tensor = self.out(features)
        return logits

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) from images (N, C, H, W), and labels (N,) or (N, m) where there are classes."""
        return self.head(self.features(images, *rest))


class _UpBlock(nn.Module):
    """Batch norm, ReLU, enlargement, convolution, twice (enlarged once); beside it the enlarged input."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.enlarge = nn.Upsample(size=(side, side))
        self.hidden = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            self.enlarge,
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.hidden(x) + self.shortcut(self.enlarge(x))
        return output


class _DownBlock(nn.Module):
    """ReLU, convolution, twice, then averages of 2 x 2 where the map is halved; beside it the input, likewise."""

    def __init__(self, channels: int, *, halve: bool) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(channels, channels, 1) if halve else nn.Identity()
        self.reduce = nn.AvgPool2d(2) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.reduce(self.hidden(x) + self.shortcut(x))
        return output


class _FirstBlock(nn.Module):
    """The first block of a discriminator: no ReLU on the image itself, and the cheap order of reducing its shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1), nn.AvgPool2d(2)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.hidden(x) + self.shortcut(x)
        return output


def _sides(side: int) -> list[int]:
    """The sides of a generator's maps, largest first: halved until 4 or less.

    Example:
        >>> _sides(32), _sides(28), _sides(8)
        ([32, 16, 8, 4], [28, 14, 7, 3], [8, 4])
    """
    sides = [side]
    while sides[-1] > 4:
        sides.append(sides[-1] // 2)
    return sides


def _initialize(module: nn.Module) -> None:
    """Glorot's uniform weights, the 3 x 3 ones enlarged by sqrt(2) for the ReLU before them, biases zero."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        gain = 2**0.5 if module.weight.ndim == 4 and module.weight.shape[-1] == 3 else 1.0
        nn.init.xavier_uniform_(module.weight, gain)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
