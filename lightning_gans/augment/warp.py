"""Images moved by affine maps without aliasing, differentiable in the images as often as one likes.

Karras et al. 2020, arXiv:2006.06676, appendix B: images are enlarged by 2 with the low-pass filter of an orthogonal
wavelet, read off at other places, and made smaller again by the same filter. What lies outside is a reflection.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
    0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
    -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
"""The symlet with 6 vanishing moments (Daubechies 1992): orthonormal to its shifts by 2, so identity maps are exact."""
_CENTER = sum(place * tap for place, tap in enumerate(SYM6)) / sum(SYM6)  # by how much it moves what is smooth
_MARGIN = len(SYM6) // 2 - 1  # pixels beyond the border that an enlarged image depends on


def warp(images: Tensor, linear: Tensor, shift: Tensor) -> Tensor:
    """Images T that show at each place what the given ones X have at another: T(x) = X(A x + b).

    Args:
        images: (N, C, H, W), of any range.
        linear: A, (N, 2, 2), for places (right, down) in pixels from the middle of the image.
        shift: b, (N, 2), in pixels.

    Example:
        >>> slope = torch.arange(8.0).expand(1, 1, 8, 8)
        >>> warp(slope, torch.eye(2)[None], torch.tensor([[1.0, 0.0]]))[0, 0, 0, 2:6].round(decimals=2)
        tensor([3., 4., 5., 6.])
    """
    (up_rows, down_rows), (up_columns, down_columns) = (_resampling(side, images) for side in images.shape[2:])
    height, width = len(up_rows), len(up_columns)
    x, y = (torch.arange(side, dtype=images.dtype, device=images.device) - _middle(side) for side in (width, height))
    a, b = linear[..., None, None], 2 * shift[..., None, None]
    places = a[:, :, 0] * x + a[:, :, 1] * y[:, None] + b  # (N, 2, height, width)
    grid = torch.stack([_inside(places[:, 0], width), _inside(places[:, 1], height)], dim=-1)
    read: Tensor = _Read.apply(up_rows @ images @ up_columns.T, grid)
    return down_rows @ read @ down_columns.T


def reflected(place: Tensor, half: float) -> Tensor:
    """Places of a line in [-half, half], those outside reflected at its ends.

    Example:
        >>> reflected(torch.tensor([-2.0, 1.0, 5.0, 6.5]), 2.0)
        tensor([-2.0000,  1.0000, -1.0000, -1.5000])
    """
    return ((place - half).remainder(4 * half) - 2 * half).abs() - half


def _middle(side: int) -> float:
    """Where the middle of an image lies in an axis of the enlarged one."""
    return (side - len(SYM6)) / 2 + _CENTER


def _inside(place: Tensor, side: int) -> Tensor:
    """Places from the middle of an enlarged axis as shares of it, in [-1, 1]."""
    index, half = place + _middle(side), max((side - len(SYM6)) / 2, 0.5)
    # The margin is a reflection already: read as it is, what is moved by nothing stays what it is up to the border.
    index = torch.where((index < 0) | (index > side - 1), reflected(place, half) + _middle(side), index)
    return index * (2 / (side - 1)) - 1


def _resampling(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices (2 side + 10, side) that enlarges an axis, and (side, 2 side + 10) that undoes it."""
    return _matrices(side, like.dtype, like.device)


@lru_cache(maxsize=32)
def _matrices(side: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    padded = side + 2 * _MARGIN
    shifts = torch.zeros(padded, 2 * padded + 2 * _MARGIN, dtype=torch.float64)
    for row in range(padded):
        shifts[row, 2 * row : 2 * row + len(SYM6)] = torch.tensor(SYM6, dtype=torch.float64)
    shifts = shifts[:, 2 * _MARGIN : -2 * _MARGIN]  # (padded, 2 side + 10)
    pixels, half = torch.arange(padded) - _MARGIN, max((side - 1) / 2, 0.5)
    source = (reflected(pixels - half, half) + half).long().clamp(max=side - 1)
    enlarge = torch.zeros(shifts.shape[1], side, dtype=torch.float64).index_add(1, source, shifts.T)
    return enlarge.to(device, dtype), shifts[_MARGIN:-_MARGIN].to(device, dtype)


class _Read(torch.autograd.Function):
    """Images read off at places, bilinearly: ``grid_sample``, which torch can differentiate once.

    It is linear in the images: its derivative is the transposed map, whose derivative is the map again. The places get
    no gradient.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return F.grid_sample(images, grid, align_corners=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Scatter.apply(grad, grid, ctx.shape), None


class _Scatter(torch.autograd.Function):
    """The transposed map: values added up in images of a shape, where the other one reads them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        scatter = torch.ops.aten.grid_sampler_2d_backward  # (..., bilinear, zeros outside, align_corners, of images)
        added: Tensor = scatter(values, values.new_zeros(shape), grid, 0, 0, True, [True, False])[0]
        return added

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Read.apply(grad, grid), None, None
