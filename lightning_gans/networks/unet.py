"""The U-Net of pix2pix, from images to images of the same size."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import Norm, initialize_normal, norm_layers, zero_bias
from lightning_gans.networks.shapes import SMALLEST_SIDE, check_image_shape, check_positive

Upsampling = Literal["resize", "transposed"]
"""How maps are doubled: nearest neighbors and a 3 x 3 convolution, or the paper's transposed 4 x 4 convolution."""

_NUM_DROPOUTS = 3  # decoder blocks that drop, from the innermost on
_MAX_DOWNSAMPLINGS = 8  # of 256 pixels, as in the paper; the smallest map of larger images stays larger
_MAX_GROWTH = 4 / 3  # of a side that is padded


class UNet(nn.Module):
    """An encoder down to a small map and a decoder back, with each map of the encoder shown to the decoder too.

    Isola et al. 2017, arXiv:1611.07004, section 3.2.1 and appendix 6.1: strided 4 x 4 convolutions with leaky ReLU of
    slope 0.2, C64-C128-C256-C512-..., no norm on the first and on the smallest map; a decoder that mirrors it, with
    ReLU, and dropout in its three innermost blocks, which is the only noise; tanh. Weights from N(0, 0.02).

    The paper's transposed convolutions give neighboring pixels different weights and so leave a faint checkerboard in
    flat areas; the default enlarges first and convolves then, which gives all of them the same (Odena et al. 2016,
    https://distill.pub/2016/deconv-checkerboard), for about twice the arithmetic in the decoder.

    Any size is translated, also one other than ``source_shape``: sides that the downsamplings do not divide are padded
    on both ends by reflection as far as it goes, then by the edge, and the result is cut back.

    Args:
        source_shape: (C, H, W) of what is given, C counting all channels; H, W >= 8.
        image_shape: (C', H, W) of what comes out.
        base_channels: Channels of the largest map; each smaller one has twice as many, up to 8 times.
        num_downsamplings: How often sides are halved. When None as often as leaves a pixel and pads no side by more
            than a third, 8 times at most: 8 for 256 pixels, 6 for 64, 4 for 28.
        dropout: Probability with which an entry of the innermost blocks is dropped.
        norm: ``batch`` or ``instance``: the same for batches of one image, the paper's size; None for none.
        upsampling: ``resize``, or ``transposed`` as in the paper.

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
        self.source_channels, *size = check_image_shape("source_shape", source_shape)
        channels, *target_size = check_image_shape("image_shape", image_shape)
        if size != target_size:
            hint = f"a U-Net keeps the size, and source_shape has {size[0]} x {size[1]} pixels"
            raise ConfigError("image_shape", (channels, *target_size), hint)
        if not 0 <= dropout < 1:
            raise ConfigError("dropout", dropout, "must be a probability, 0 to under 1")
        depth = fitting_downsamplings(size) if num_downsamplings is None else num_downsamplings
        check_positive(base_channels=base_channels, num_downsamplings=depth)
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

    def forward(self, source: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C', h, w) in [-1, 1] from sources (N, C, h, w) of their size; h, w >= 8.

        Further maps (N, C'', h, w), such as a mask, join the source along the channels.

        Raises:
            ConfigError: Other channels than ``source_shape`` says, or too small.
        """
        hidden, height, width = pad_to_multiple(self._given(source, *rest), self.multiple)
        skipped = [hidden := block(hidden) for block in self.down]
        for block, shown in zip(self.up, reversed(skipped[:-1]), strict=True):  # the smallest map goes on by itself
            hidden = torch.cat([block(hidden), shown], dim=1)
        images: Tensor = self.out(hidden)
        return images[..., height, width]

    def _given(self, *maps: Tensor) -> Tensor:
        shapes = [tuple(each.shape) for each in maps]
        fits = all(len(shape) == 4 and shape[2:] == shapes[0][2:] for shape in shapes)
        if not fits or sum(shape[1] for shape in shapes) != self.source_channels:
            hint = f"must be (N, C, h, w), all of one size and together of {self.source_channels} channels"
            raise ConfigError("source", shapes[0] if len(shapes) == 1 else shapes, hint)
        if min(shapes[0][2:]) < SMALLEST_SIDE:
            raise ConfigError("source", shapes[0], f"must have sides of {SMALLEST_SIDE} pixels or more")
        return torch.cat(maps, dim=1) if len(maps) > 1 else maps[0]


def fitting_downsamplings(size: Sequence[int]) -> int:
    """How often an image of a size (H, W) is halved: to one pixel at best, its sides padded by a third at most."""
    depth = min(_MAX_DOWNSAMPLINGS, min(size).bit_length() - 1)
    while any(math.ceil(side / 2**depth) * 2**depth > _MAX_GROWTH * side for side in size):
        depth -= 1
    return depth


def pad_to_multiple(images: Tensor, multiple: int) -> tuple[Tensor, slice, slice]:
    """Images (N, C, H, W) whose sides are multiples of a number, and the slices of rows and columns that cut them back.

    Both ends of a side grow by half of what is missing: by reflection as far as the image goes, then by its edge.
    """
    places = []
    for dim in (2, 3):
        side = images.shape[dim]
        missing = -side % multiple
        before = missing // 2
        images = _grown(images, before, missing - before, dim)
        places.append(slice(before, before + side))
    return images, places[0], places[1]


def _grown(images: Tensor, before: int, after: int, dim: int) -> Tensor:
    """Images that go on at both ends of a dimension.

    Of parts that are joined and not by ``F.pad``, whose backward pass is not deterministic on a GPU.
    """
    side = images.shape[dim]
    reflected = [min(each, side - 1) for each in (before, after)]
    parts = [images]
    if reflected[0]:
        parts.insert(0, images.narrow(dim, 1, reflected[0]).flip(dim))
    if reflected[1]:
        parts.append(images.narrow(dim, side - 1 - reflected[1], reflected[1]).flip(dim))
    left, right = parts[0].narrow(dim, 0, 1), parts[-1].narrow(dim, parts[-1].shape[dim] - 1, 1)
    edges = [
        edge.expand(*(count if axis == dim else -1 for axis in range(edge.ndim)))
        for edge, count in ((left, before - reflected[0]), (right, after - reflected[1]))
    ]
    return torch.cat([edges[0], *parts, edges[1]], dim) if before or after else images


def _up_block(before: int, after: int, norm: Norm | None, upsampling: Upsampling) -> nn.Sequential:
    """From a map of the decoder to the next, of twice the side."""
    bias = norm is None
    doubled: dict[str, list[nn.Module]] = {
        "resize": [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1, bias=bias)],
        "transposed": [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)],
    }
    if upsampling not in doubled:
        raise ConfigError("upsampling", upsampling, f"is none of {', '.join(doubled)}")
    return nn.Sequential(nn.ReLU(), *doubled[upsampling], *norm_layers(norm, after))
