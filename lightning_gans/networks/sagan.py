"""Residual networks with attention, in the manner of SAGAN and BigGAN, for images of 8 to 256 pixels.

Zhang et al. 2019, arXiv:1805.08318; Brock et al. 2019, arXiv:1809.11096, appendix B. All layers but the norms' are
spectrally normalized, in both networks, and begin orthogonal.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.networks.attention import SelfAttention
from lightning_gans.networks.layers import FeatureNetwork
from lightning_gans.networks.resnet import down_block, first_block
from lightning_gans.networks.shapes import check_not_negative, check_positive, split_inputs
from lightning_gans.networks.spectral import spectrally_normalized
from lightning_gans.networks.stylegan2 import check_square

_SMALLEST = 4  # the side of the first maps

_WIDTHS = {
    64: ((16, 16, 8, 4, 2), (1, 2, 4, 8, 16)),
    128: ((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)),
    256: ((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16)),
}
"""Channels in units of ``base_channels``, by the images' side: of a generator's maps, of a discriminator's blocks.

BigGAN's tables 4 and 5, and the authors' code for 64; smaller images have 4 everywhere, and maps of 8 x 8 last.
"""


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose scale and shift are functions of what is given: (1 + gain(c)) norm(x) + shift(c).

    De Vries et al. 2017, arXiv:1707.00683, section 3.

    Args:
        channels: C of the maps (N, C, H, W).
        gain: From what is given to (N, C).
        shift: The same.
    """

    def __init__(self, channels: int, gain: nn.Module, shift: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)  # of its own, so that it can be joined over processes
        self.gain, self.shift = gain, shift

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Maps of the same shape; the condition is what both functions take."""
        gain, shift = self.gain(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        normalized: Tensor = torch.addcmul(shift, self.norm(x), 1 + gain)
        return normalized


class ConditionalSynthesis(nn.Module):
    """From a vector to images, with a condition for each residual block: what SAGAN's and BigGAN's G have in common.

    Args:
        first_dim: Size of the vector.
        norm: From a number of channels to the conditional norm of maps with so many.
        image_shape: (C, H, H) with H = 8, 16, ..., 256.
        base_channels: See ``SAGANGenerator``.
        attention: See ``SAGANGenerator``.
    """

    def __init__(
        self,
        first_dim: int,
        norm: Callable[[int], nn.Module],
        image_shape: Sequence[int] | None,
        base_channels: int,
        attention: int | None,
    ) -> None:
        super().__init__()
        channels, side = _check_size(image_shape)
        sides = [_SMALLEST * 2**number for number in range(1, num_doublings(image_shape) + 1)]
        _check_attention(attention, sides)
        small = (4,) * (len(sides) + 1)
        widths = [base_channels * width for width in _WIDTHS.get(side, (small,))[0]]
        self.project = orthonormalized(nn.Linear(first_dim, widths[0] * _SMALLEST**2))
        self.unflatten = nn.Unflatten(1, (widths[0], _SMALLEST, _SMALLEST))
        blocks = [_UpBlock(*pair, norm, each == attention) for pair, each in zip(pairwise(widths), sides, strict=True)]
        self.blocks = nn.ModuleList(blocks)
        out = orthonormalized(nn.Conv2d(widths[-1], channels, 3, padding=1))
        self.out = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(), out, nn.Tanh())

    def forward(self, first: Tensor, conditions: Sequence[Tensor]) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from vectors (N, F) and what the norms of each block are given."""
        x = self.unflatten(self.project(first))
        for block, condition in zip(self.blocks, conditions, strict=True):
            x = block(x, condition)
        images: Tensor = self.out(x)
        return images


class SAGANGenerator(nn.Module):
    """SAGAN's generator: residual blocks, a scale and a shift for each class in their batch norms, attention.

    Args:
        latent_dim: Z.
        image_shape: (C, H, H) with H = 8, 16, ..., 256.
        base_channels: Channels in units of 1 to 16, or of 4 for images below 64 pixels; 64 in the authors' code.
        attention: Side of the maps with attention; None for none.
        num_classes: K; 0 or None for a network without labels.

    Raises:
        ConfigError: An impossible shape or size, or no map has the side of the attention.
    """

    def __init__(
        self,
        latent_dim: int = 128,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        attention: int | None = 32,
        num_classes: int | None = 0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim, base_channels=base_channels)
        check_not_negative(num_classes=num_classes)
        self.latent_dim, self.num_classes = latent_dim, num_classes or 0
        self.synthesis = ConditionalSynthesis(latent_dim, self._norm, image_shape, base_channels, attention)

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        if labels is None:  # all of one class
            labels = torch.zeros(len(z), dtype=torch.long, device=z.device)
        images: Tensor = self.synthesis(z, [labels] * len(self.synthesis.blocks))
        return images

    def _norm(self, channels: int) -> nn.Module:
        tables = [nn.Embedding(max(1, self.num_classes), channels) for _ in range(2)]
        for table in tables:
            nn.init.zeros_(table.weight)
        return ConditionalBatchNorm2d(channels, *tables)


class SAGANDiscriminator(FeatureNetwork):
    """SAGAN's discriminator, and BigGAN's: residual blocks that halve the map, attention, a sum over places, a logit.

    Of images alone; for classes, put ``ProjectionDiscriminator`` around it, as the models do.

    Args:
        image_shape: (C, H, H) with H = 8, 16, ..., 256.
        base_channels: As of ``SAGANGenerator``.
        attention: Side of the maps with attention; None for none.

    Raises:
        ConfigError: An impossible shape or size, or no map has the side of the attention.
    """

    def __init__(
        self, image_shape: Sequence[int] | None = None, base_channels: int = 64, attention: int | None = 32
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels)
        channels, side = _check_size(image_shape)
        halvings = num_doublings(image_shape) if side in _WIDTHS else max(1, num_doublings(image_shape) - 1)
        _check_attention(attention, [side >> number for number in range(1, halvings + 1)])
        small = (4,) * (halvings + 2)
        widths = [base_channels * width for width in _WIDTHS.get(side, (small, small))[1]]
        blocks: list[nn.Module] = [first_block(channels, widths[0])]
        for number, (before, after) in enumerate(pairwise(widths), start=1):
            if side >> number == attention:  # after the block that has made maps of that side
                blocks.append(SelfAttention(before))
            blocks.append(down_block(before, after, halve=number < halvings))
        self.blocks = nn.Sequential(*blocks)
        self.feature_dim, self.out = widths[-1], nn.Linear(widths[-1], 1)
        orthonormalized(self)

    def features(self, images: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden map, summed over places: (N, D)."""
        split_inputs(rest, num_classes=0)
        return torch.relu(self.blocks(images)).sum((2, 3))


class _UpBlock(nn.Module):
    """Norm, ReLU, enlargement, convolution, twice (enlarged once); beside it the input; attention at the end."""

    def __init__(self, before: int, after: int, norm: Callable[[int], nn.Module], attends: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(before), norm(after)
        self.conv1 = orthonormalized(nn.Conv2d(before, after, 3, padding=1))
        self.conv2 = orthonormalized(nn.Conv2d(after, after, 3, padding=1))
        self.shortcut = orthonormalized(nn.Conv2d(before, after, 1))
        self.attention = orthonormalized(SelfAttention(after)) if attends else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        hidden = self.conv1(_doubled(torch.relu(self.norm1(x, condition))))
        hidden = self.conv2(torch.relu(self.norm2(hidden, condition)))
        output: Tensor = self.attention(hidden + _doubled(self.shortcut(x)))  # equal to the paper's order, and cheaper
        return output


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def orthonormalized(module: nn.Module) -> nn.Module:
    """A module whose linear and convolutional layers are orthogonal at first, and spectrally normalized."""
    module.apply(_initialize)
    return spectrally_normalized(module)


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def num_doublings(image_shape: Sequence[int] | None) -> int:
    """How often a generator doubles its maps of 4 x 4: the number of its blocks."""
    _, side = _check_size(image_shape)
    return (side // _SMALLEST).bit_length() - 1


def _check_size(image_shape: Sequence[int] | None) -> tuple[int, int]:
    channels, side = check_square(image_shape)
    if side > max(_WIDTHS):
        raise ConfigError("image_shape", (channels, side, side), f"sides of {max(_WIDTHS)} at most; resize the images")
    return channels, side


def _check_attention(attention: int | None, sides: Sequence[int]) -> None:
    if attention not in (None, *sides):
        choice = ", ".join(map(str, sorted(sides)))
        raise ConfigError("attention", attention, f"maps have sides of {choice}: choose one of them, or null for none")
