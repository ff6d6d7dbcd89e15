"""Residual networks in the manner of SNGAN, for square images of 8 to 128 pixels.

Miyato et al. 2018, arXiv:1802.05957, appendix B.4, table 4 (CIFAR-10): blocks of two 3 x 3 convolutions; the generator
projects to 4 x 4 and doubles the side in each block, the discriminator halves it to about 8 x 8 and goes on at that
size for two more blocks. The same rule gives the networks for other sizes.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.networks.shapes import image_size, positive
from lightning_gans.networks.spectral import spectrally_normalized


class ResNetGenerator(nn.Module):
    """SNGAN's generator: a projection to a map of about 4 x 4, then residual blocks that double it.

    Args:
        latent_dim: Z.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        width: Channels of all maps; 256 in the paper.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> ResNetGenerator(16, (3, 32, 32), width=8)(torch.zeros(2, 16)).shape
        torch.Size([2, 3, 32, 32])
    """

    def __init__(self, latent_dim: int = 128, image_shape: Sequence[int] | None = None, width: int = 256) -> None:
        super().__init__()
        positive(latent_dim=latent_dim, width=width)
        channels, side = image_size(image_shape)
        *sides, smallest = _sides(side)
        self.latent_dim = latent_dim
        self.project = nn.Linear(latent_dim, width * smallest**2)
        self.unflatten = nn.Unflatten(1, (width, smallest, smallest))
        self.blocks = nn.Sequential(*(_UpBlock(width, to) for to in reversed(sides)))
        self.out = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())
        self.apply(_initialize)

    def forward(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z)."""
        images: Tensor = self.out(self.blocks(self.unflatten(self.project(z))))
        return images


class ResNetDiscriminator(nn.Module):
    """SNGAN's discriminator: residual blocks that halve the map to about 8 x 8, two more, a sum over places, one logit.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        width: Channels of all maps; 128 in the paper.
        spectral_norm: Whether every layer is spectrally normalized, as in the paper.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> ResNetDiscriminator((3, 32, 32), width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 1])
    """

    def __init__(self, image_shape: Sequence[int] | None = None, width: int = 128, spectral_norm: bool = True) -> None:
        super().__init__()
        positive(width=width)
        channels, side = image_size(image_shape)
        halvings = max(1, len(_sides(side)) - 2)
        blocks: list[nn.Module] = [_FirstBlock(channels, width)]
        blocks += [_DownBlock(width, halve=True) for _ in range(halvings - 1)]
        self.blocks = nn.Sequential(*blocks, _DownBlock(width, halve=False), _DownBlock(width, halve=False))
        self.feature_dim, self.out = width, nn.Linear(width, 1)
        self.apply(_initialize)
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, images: Tensor) -> Tensor:
        """The last hidden map, summed over places: (N, D)."""
        return F.relu(self.blocks(images)).sum((2, 3))

    def head(self, features: Tensor) -> Tensor:
        """Logits (N, 1) from the last hidden map, summed over places."""
        logits: Tensor = self.out(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 1) from images (N, C, H, W)."""
        return self.head(self.features(images))


class _UpBlock(nn.Module):
    """Batch norm, ReLU, enlargement, convolution, twice (enlarged once); beside it the enlarged input."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.enlarge = nn.Upsample(size=(side, side))
        self.hidden = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            self.enlarge,
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.hidden(x) + self.shortcut(self.enlarge(x))
        return output


class _DownBlock(nn.Module):
    """ReLU, convolution, twice, then averages of 2 x 2 where the map is halved; beside it the input, likewise."""

    def __init__(self, width: int, *, halve: bool) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )
        self.shortcut = nn.Conv2d(width, width, 1) if halve else nn.Identity()
        self.reduce = nn.AvgPool2d(2) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.reduce(self.hidden(x) + self.shortcut(x))
        return output


class _FirstBlock(nn.Module):
    """The first block of a discriminator: no ReLU on the image itself, and the cheap order of reducing its shortcut."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.AvgPool2d(2)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, width, 1))

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
