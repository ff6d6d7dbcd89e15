"""Large images in parts, so that memory does not depend on their size."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.images import to_uint8


class _Part(NamedTuple):
    """Pixels ``start`` to ``stop`` of a side, and those from ``first`` to ``last`` that they are made from."""

    start: int
    stop: int
    first: int
    last: int


def in_tiles(function: Callable[[Tensor], Tensor], source: Tensor, *, scale: int, tile: int, overlap: int) -> Tensor:
    """What a function makes of an image, uint8 (C', scale H, scale W), of which it sees one tile at a time.

    Tiles end where the image does, so that its border is what it is for the whole. The result is that of the whole,
    but for rounding, where no pixel made depends on sources further away than the overlap.

    Args:
        function: From images (1, C, h, w) to (1, C', scale h, scale w), around [-1, 1].
        source: The image (1, C, H, W).
        scale: How many times as large the result is.
        tile: Largest side of what is made at once, in pixels of the source.
        overlap: Pixels of the source that are shown on each side of it beside these.
    """
    height, width = source.shape[2:]
    result: Tensor | None = None
    for rows in _parts(height, tile, overlap):
        for columns in _parts(width, tile, overlap):
            made = to_uint8(function(source[:, :, rows.first : rows.last, columns.first : columns.last]))[0].cpu()
            if result is None:
                result = torch.empty(len(made), scale * height, scale * width, dtype=torch.uint8)
            result[:, _scaled(rows, scale), _scaled(columns, scale)] = made[
                :, _inside(rows, scale), _inside(columns, scale)
            ]
    assert result is not None
    return result


def _parts(side: int, tile: int, overlap: int) -> Iterator[_Part]:
    """As few as there can be, of about the same length: a sliver at the end would be small for a network."""
    count = -(-side // tile)
    for number in range(count):
        start, stop = number * side // count, (number + 1) * side // count
        yield _Part(start, stop, max(0, start - overlap), min(side, stop + overlap))


def _scaled(part: _Part, scale: int) -> slice:
    """Where it lies in the result."""
    return slice(scale * part.start, scale * part.stop)


def _inside(part: _Part, scale: int) -> slice:
    """Where it lies in what was made of its tile."""
    return slice(scale * (part.start - part.first), scale * (part.stop - part.first))
