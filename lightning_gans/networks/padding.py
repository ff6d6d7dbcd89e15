"""Images that go on beyond their edge by reflection, so that networks take and give back any size."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from lightning_gans.networks.shapes import joined_sources


class PaddedTranslator(nn.Module):
    """From images to images of the same size, whatever that is, by a network that halves sides several times.

    Sides that the halvings do not divide are padded on both ends by reflection as far as it goes, then by the edge, and
    the result is cut back.
    """

    source_channels: int
    """C of what is given, all of it together."""
    multiple: int
    """Of which sides have to be multiples inside."""
    smallest_map = 1
    """Least side of the smallest map."""

    def forward(self, source: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C', h, w) in [-1, 1] from sources (N, C, h, w) of their size; h, w >= 8.

        Further maps (N, C'', h, w), such as a mask, join the source along the channels.

        Raises:
            ConfigError: Other channels than ``source_shape`` says, or too small.
        """
        padded, height, width = self.padded(source, *rest)
        return self.translated(padded)[..., height, width]

    @abstractmethod
    def translated(self, padded: Tensor) -> Tensor:
        """Images of sources whose sides fit."""

    def padded(self, *sources: Tensor) -> tuple[Tensor, slice, slice]:
        """What is given with sides that fit, and where it lies in that; see ``pad_to_multiple``."""
        given = joined_sources(*sources, channels=self.source_channels)
        return pad_to_multiple(given, self.multiple, at_least=self.smallest_map)


class ReflectedConv2d(nn.Conv2d):
    """A convolution that keeps the size of maps (N, C, H, W), whose sides go on beyond the edge by reflection."""

    def __init__(self, before: int, after: int, side: int, *, bias: bool) -> None:
        super().__init__(before, after, side, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C', H, W)."""
        margin = self.kernel_size[0] // 2
        return super().forward(grown(grown(x, margin, margin, 2), margin, margin, 3))


def pad_to_multiple(images: Tensor, multiple: int, at_least: int = 1) -> tuple[Tensor, slice, slice]:
    """Images (N, C, H, W) whose sides are multiples of a number, and the slices of rows and columns that cut them back.

    Sides become ``at_least`` so many times the number. Both ends of a side grow by half of what is missing: by
    reflection as far as the image goes, then by its edge.
    """
    places = []
    for dim in (2, 3):
        side = images.shape[dim]
        missing = max(-side % multiple, at_least * multiple - side)
        before = missing // 2
        images = grown(images, before, missing - before, dim)
        places.append(slice(before, before + side))
    return images, places[0], places[1]


def grown(images: Tensor, before: int, after: int, dim: int) -> Tensor:
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
