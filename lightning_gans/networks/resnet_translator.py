"""The residual network of CycleGAN, from images to images of the same size."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from lightning_gans.networks.layers import (
    Norm,
    Upsampling,
    initialize_normal,
    norm_layers,
    upsampling_layer,
    zero_bias,
)
from lightning_gans.networks.padding import PaddedTranslator, ReflectedConv2d
from lightning_gans.networks.shapes import (
    check_downsamplings,
    check_not_negative,
    check_positive,
    check_translation,
)

_SMALL = 128  # pixels, up to which the paper has 6 blocks


class ResNetTranslator(PaddedTranslator):
    """Down to a smaller map, residual blocks there, up again: what changes looks and leaves shapes where they are.

    Zhu et al. 2017, arXiv:1703.10593, appendix 7.2, after Johnson et al. 2016: c7s1-64, d128, d256, blocks of two 3 x 3
    convolutions, u128, u64, c7s1-3, with padding by reflection, norm and ReLU; tanh. Weights from N(0, 0.02).

    Any size is translated, also one other than ``source_shape``; see ``PaddedTranslator``.

    Args:
        source_shape: (C, H, W) of what is given, C counting all channels; H, W >= 8.
        image_shape: (C', H, W) of what comes out.
        base_channels: Channels of the largest map; each smaller one has twice as many.
        num_blocks: Residual blocks. When None 6 up to 128 pixels, 9 beyond, as in the paper.
        num_downsamplings: How often sides are halved; lines of one pixel do not survive two.
        norm: ``batch`` or ``instance``; None for none.
        upsampling: ``resize``, or ``transposed`` as in the paper; see ``upsampling_layer``.

    Raises:
        ConfigError: A shape is missing, under 8 pixels, or the two differ in size; a setting is out of its range.

    Example:
        >>> import torch
        >>> ResNetTranslator((1, 47, 61), (3, 47, 61), base_channels=4)(torch.zeros(2, 1, 47, 61)).shape
        torch.Size([2, 3, 47, 61])
    """

    smallest_map = 2  # there is nothing to normalize in one pixel

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_blocks: int | None = None,
        num_downsamplings: int = 2,
        norm: Norm | None = "instance",
        upsampling: Upsampling = "resize",
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels)
        check_not_negative(num_blocks=num_blocks, num_downsamplings=num_downsamplings)
        self.source_channels, channels, size = check_translation(source_shape, image_shape)
        check_downsamplings(num_downsamplings, size)
        self.multiple = 2**num_downsamplings
        bias = norm is None
        widths = [base_channels * 2**i for i in range(num_downsamplings + 1)]  # of the maps, largest first
        stem = ReflectedConv2d(self.source_channels, widths[0], 7, bias=bias)
        self.stem = nn.Sequential(stem, *norm_layers(norm, widths[0]), nn.ReLU())
        self.down = nn.ModuleList()
        for before, after in pairwise(widths):
            halved = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=bias)
            self.down.append(nn.Sequential(halved, *norm_layers(norm, after), nn.ReLU()))
        count = (6 if max(size) <= _SMALL else 9) if num_blocks is None else num_blocks
        self.blocks = nn.ModuleList(_Block(widths[-1], norm) for _ in range(count))
        layers: list[nn.Module] = []
        for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True):
            layers += [upsampling_layer(upsampling, before, after, bias=bias), *norm_layers(norm, after), nn.ReLU()]
        self.up = nn.Sequential(*layers, ReflectedConv2d(widths[0], channels, 7, bias=True), nn.Tanh())
        self.shown = sorted({1, count // 2} & set(range(1, count + 1)))  # the blocks whose maps are features
        self.feature_channels = [self.source_channels, *widths[1:], *(widths[-1] for _ in self.shown)]
        self.apply(initialize_normal)
        self.apply(zero_bias)

    def translated(self, padded: Tensor) -> Tensor:
        """See ``PaddedTranslator``."""
        hidden = self.stem(padded)
        for layer in (*self.down, *self.blocks):
            hidden = layer(hidden)
        images: Tensor = self.up(hidden)
        return images

    def features(self, source: Tensor) -> list[Tensor]:
        """Maps (N, ``feature_channels[i]``, h_i, w_i): the source, those after each halving, first and middle block.

        Those that contrastive translation compares: Park et al. 2020, arXiv:2007.15651, appendix C.2.
        """
        shown, _, _ = self.padded(source)
        maps, hidden = [shown], self.stem(shown)
        for layer in self.down:
            hidden = layer(hidden)
            maps.append(hidden)  # the next one is made of it
        for number, block in enumerate(self.blocks[: max(self.shown, default=0)], start=1):
            hidden = block(hidden)
            if number in self.shown:
                maps.append(hidden)
        return maps


class _Block(nn.Module):
    """Two convolutions, added to what they were given."""

    def __init__(self, channels: int, norm: Norm | None) -> None:
        super().__init__()
        first, second = (ReflectedConv2d(channels, channels, 3, bias=norm is None) for _ in range(2))
        self.hidden = nn.Sequential(
            first, *norm_layers(norm, channels), nn.ReLU(), second, *norm_layers(norm, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.hidden(x)
        return output
