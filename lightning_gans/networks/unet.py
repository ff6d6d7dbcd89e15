"""The U-Net of pix2pix, from images to images of the same size."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import (
    Norm,
    Upsampling,
    initialize_normal,
    norm_layers,
    upsampling_layer,
    zero_bias,
)
from lightning_gans.networks.padding import PaddedTranslator
from lightning_gans.networks.shapes import check_downsamplings, check_positive, check_translation

_NUM_DROPOUTS = 3  # decoder blocks that drop, from the innermost on
_MAX_DOWNSAMPLINGS = 8  # of 256 pixels, as in the paper; the smallest map of larger images stays larger
_MAX_GROWTH = 4 / 3  # of a side that is padded


class UNet(PaddedTranslator):
    """An encoder down to a small map and a decoder back, with each map of the encoder shown to the decoder too.

    Isola et al. 2017, arXiv:1611.07004, section 3.2.1 and appendix 6.1: strided 4 x 4 convolutions with leaky ReLU of
    slope 0.2, C64-C128-C256-C512-..., no norm on the first and on the smallest map; a decoder that mirrors it, with
    ReLU, and dropout in its three innermost blocks, which is the only noise; tanh. Weights from N(0, 0.02).

    Any size is translated, also one other than ``source_shape``; see ``PaddedTranslator``.

    Args:
        source_shape: (C, H, W) of what is given, C counting all channels; H, W >= 8.
        image_shape: (C', H, W) of what comes out.
        base_channels: Channels of the largest map; each smaller one has twice as many, up to 8 times.
        num_downsamplings: How often sides are halved. When None as often as leaves a pixel and pads no side by more
            than a third, 8 times at most: 8 for 256 pixels, 6 for 64, 4 for 28.
        dropout: Probability with which an entry of the innermost blocks is dropped.
        norm: ``batch`` or ``instance``: the same for batches of one image, the paper's size; None for none.
        upsampling: ``resize``, or ``transposed`` as in the paper; see ``upsampling_layer``.

    Raises:
        ConfigError: A shape is missing, under 8 pixels, or the two differ in size; a setting is out of its range.

    Example:
        >>> UNet((1, 47, 61), (3, 47, 61), base_channels=4)(torch.zeros(2, 1, 47, 61)).shape
        torch.Size([2, 3, 47, 61])
    """

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_downsamplings: int | None = None,
        dropout: float = 0.5,
        norm: Norm | None = "instance",
        upsampling: Upsampling = "resize",
    ) -> None:
        super().__init__()
        self.source_channels, channels, size = check_translation(source_shape, image_shape)
        if not 0 <= dropout < 1:
            raise ConfigError("dropout", dropout, "must be a probability, 0 to under 1")
        depth = fitting_downsamplings(size) if num_downsamplings is None else num_downsamplings
        check_positive(base_channels=base_channels, num_downsamplings=depth)
        check_downsamplings(depth, size)
        self.multiple = 2**depth
        widths = [base_channels * min(2**i, 8) for i in range(depth)]  # of the encoder's maps, largest first
        self.down = nn.ModuleList([nn.Conv2d(self.source_channels, widths[0], 4, stride=2, padding=1)])
        for number, (before, after) in enumerate(pairwise(widths), start=2):
            norms = norm_layers(norm, after) if number < depth else []
            convolution = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not norms)
            self.down.append(nn.Sequential(nn.LeakyReLU(0.2), convolution, *norms))
        self.up = nn.ModuleList()
        shown = widths[-1]  # channels of the map that a block of the decoder is shown
        for number, after in enumerate(reversed(widths[:-1])):
            block = _up_block(shown, after, norm, upsampling)
            self.up.append(block.append(nn.Dropout(dropout)) if dropout and number < _NUM_DROPOUTS else block)
            shown = 2 * after  # its own and the encoder's
        self.out = _up_block(shown, channels, None, upsampling).append(nn.Tanh())
        self.apply(initialize_normal)
        self.apply(zero_bias)

    def translated(self, padded: Tensor) -> Tensor:
        """See ``PaddedTranslator``."""
        hidden = padded
        skipped = [hidden := block(hidden) for block in self.down]
        for block, shown in zip(self.up, reversed(skipped[:-1]), strict=True):  # the smallest map goes on by itself
            hidden = torch.cat([block(hidden), shown], dim=1)
        images: Tensor = self.out(hidden)
        return images


def fitting_downsamplings(size: Sequence[int]) -> int:
    """How often an image of a size (H, W) is halved: to one pixel at best, its sides padded by a third at most."""
    depth = min(_MAX_DOWNSAMPLINGS, min(size).bit_length() - 1)
    while any(math.ceil(side / 2**depth) * 2**depth > _MAX_GROWTH * side for side in size):
        depth -= 1
    return depth


def _up_block(before: int, after: int, norm: Norm | None, upsampling: Upsampling) -> nn.Sequential:
    """From a map of the decoder to the next, of twice the side."""
    doubled = upsampling_layer(upsampling, before, after, bias=norm is None)
    return nn.Sequential(nn.ReLU(), doubled, *norm_layers(norm, after))
