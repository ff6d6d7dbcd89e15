"""Inner products, distances and kernels of two sets of vectors, tile by tile, with a bound on their rounding error.

The memory is that of one tile, whatever the number of samples. Tiles are float32 where that is safe and twice as
fast; whoever compares a distance to another gets a margin within which the comparison must be made again, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from lightning_gans.evaluation.metrics.functional.moments import chunks
from lightning_gans.objectives.kernels import Kernel

TILE_SIZE = 1280  # larger tiles waste work on the diagonal, smaller ones wait for threads on a busy machine
CHUNK_ELEMENTS = 2**15 - 1  # pairs' elements taken at a time: in the cache, just below what torch splits among threads


@dataclass(frozen=True)
class Standardization:
    """The origin and the unit of length of a computation: those of the real features."""

    center: Tensor  # the mean of the real features, float64 (D,)
    scale: float  # brings the real features to norm 1 or less; a power of two, so that scaling is exact

    @classmethod
    def of(cls, features: Tensor, center: Tensor) -> "Standardization":
        """That of real features (N, D) with mean ``center`` (D,)."""
        largest = max(float((features[rows].double() - center).norm(dim=1).max()) for rows in chunks(*features.shape))
        exponent = torch.frexp(torch.tensor(largest, dtype=torch.float64)).exponent if largest > 0 else 0
        return cls(center, 2.0 ** -int(exponent))

    def __call__(self, features: Tensor, dtype: torch.dtype) -> Tensor:
        """Features (n, D), standardized."""
        return ((features.double() - self.center) * self.scale).to(dtype)


class Points:
    """Standardized vectors, ready for products in that type; ``error`` bounds what subtracting the center costs."""

    def __init__(self, features: Tensor, standardization: Standardization, dtype: torch.dtype) -> None:
        self.features, self.standardization, self.dtype = features, standardization, dtype
        self.standardized = torch.empty(features.shape, dtype=dtype, device=features.device)  # (N, D)
        self.squared = torch.empty(len(features), dtype=torch.float64, device=features.device)  # squared norms (N,)
        for rows in chunks(*features.shape):
            block = standardization(features[rows], torch.float64)
            self.standardized[rows] = block
            self.squared[rows] = block.square().sum(1)
        largest = max(abs(float(edge)) for edge in torch.aminmax(features)) * features.shape[1] ** 0.5
        self.error = torch.finfo(torch.float64).eps * largest * standardization.scale

    def block(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Some rows, standardized, in a type that may be finer than that of the products."""
        return self.standardized[rows] if dtype == self.dtype else self.standardization(self.features[rows], dtype)

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Tile:
    """Some points of one set against some of another."""

    left: Points
    right: Points
    rows: slice  # which of left
    cols: slice  # which of right
    inner: Tensor  # inner products of standardized vectors (n, m)

    @cached_property
    def squared(self) -> Tensor:
        """Squared distances of standardized vectors, shape (n, m)."""
        rows, cols = self.left.squared[self.rows], self.right.squared[self.cols]
        squared = torch.add(rows.to(self.inner.dtype)[:, None], self.inner, alpha=-2)
        squared += cols.to(self.inner.dtype)
        return squared

    @property
    def on_diagonal(self) -> bool:
        """Whether rows and columns are the same points."""
        return self.left is self.right and self.rows == self.cols

    def refined(self) -> "Tile":
        """The same tile in float64."""
        inner = self.left.block(self.rows, torch.float64) @ self.right.block(self.cols, torch.float64).T
        return Tile(self.left, self.right, self.rows, self.cols, inner)


class Visitor(Protocol):
    """Takes what it needs from each tile."""

    def visit(self, tile: Tile) -> None:
        """Use a tile; in a pass over one set, one above the diagonal stands for its mirror image too."""


def work_dtype(device: torch.device) -> torch.dtype:
    """The type of the tiles when only distances are compared.

    Float32 on a CPU, unless torch has been told to use fewer digits in products; float64 elsewhere, where TF32 may be
    on. No setting of torch is touched.
    """
    if device.type != "cpu":
        return torch.float64
    fewer_digits = getattr(torch.backends.mkldnn, "matmul", None)
    precision = getattr(fewer_digits, "fp32_precision", None) or torch.get_float32_matmul_precision()
    return torch.float32 if precision in ("none", "ieee", "highest") else torch.float64


def rounding_error(left: Points, right: Points, dtype: torch.dtype) -> tuple[float, float]:
    r"""``(e, a)`` such that a squared distance of standardized x, y errs by less than ``e (|x|^2 + |y|^2) + a``.

    An inner product of D terms errs by at most D u |x| |y| (Higham 2002, Accuracy and Stability of Numerical
    Algorithms, eq. 3.5), u being half of eps; norms, sums and the subtraction of the center add the rest.
    """
    dim = left.features.shape[1]
    unit, fine = (torch.finfo(kind).eps / 2 for kind in (dtype, torch.float64))
    origin = 8 * (left.error + right.error)
    return (dim + 32) * unit + 4 * dim * fine + origin, origin + 1e-30


@torch.no_grad()
def for_each_tile(left: Points, right: Points, visitors: Sequence[Visitor], tile_size: int = TILE_SIZE) -> None:
    """Show all tiles of ``left`` against ``right`` to all visitors; of a set against itself none below the diagonal."""
    with torch.autocast(left.features.device.type, enabled=False):
        for row in range(0, len(left), tile_size):
            rows = slice(row, min(row + tile_size, len(left)))
            block = left.standardized[rows]
            for col in range(row if left is right else 0, len(right), tile_size):
                cols = slice(col, min(col + tile_size, len(right)))
                tile = Tile(left, right, rows, cols, block @ right.block(cols, left.dtype).T)
                for visitor in visitors:
                    visitor.visit(tile)


def exact_pairs(left: Tensor, right: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Squared distances (P,) of ``left[rows]`` and ``right[cols]``, ``sum (x - y)^2`` in float64, from indices (P,).

    Functions of the two vectors alone. Memory is used again for each piece: fresh one takes longer than the arithmetic.

    Example:
        >>> origin = torch.zeros(1, dtype=torch.int64)
        >>> exact_pairs(torch.tensor([[1e6, 0.0]]), torch.tensor([[1e6 + 1, 2.0]]), origin, origin)
        tensor([5.], dtype=torch.float64)
    """
    pieces = chunks(len(rows), left.shape[1], CHUNK_ELEMENTS)
    squared = torch.empty(len(rows), dtype=torch.float64, device=left.device)
    largest = pieces[0].stop if pieces else 0
    taken = [features.new_empty(largest, features.shape[1]) for features in (left, right)]
    x, y = (rows.to(torch.float64, copy=True) for rows in taken)
    for piece in pieces:
        count = piece.stop - piece.start
        torch.index_select(left, 0, rows[piece], out=taken[0][:count])
        torch.index_select(right, 0, cols[piece], out=taken[1][:count])
        x[:count].copy_(taken[0][:count])
        y[:count].copy_(taken[1][:count])
        torch.sum(x[:count].sub_(y[:count]).square_(), 1, out=squared[piece])
    return squared


def kernel_tile(kernel: Kernel, tile: Tile) -> Tensor:
    """The kernel matrix (n, m) of a tile in float64, in the units of the features."""
    center, scale = tile.left.standardization.center, tile.left.standardization.scale
    inner = tile.inner.double() * scale**-2
    rows = tile.left.squared[tile.rows] * scale**-2
    cols = tile.right.squared[tile.cols] * scale**-2
    if not (kernel.translation_invariant or kernel.translation_invariant_mmd):  # move the origin back: x = c + m
        left = tile.left.block(tile.rows, torch.float64) @ center / scale
        right = tile.right.block(tile.cols, torch.float64) @ center / scale
        square = center.square().sum()
        inner += (left + square)[:, None]
        inner += right
        rows, cols = rows + 2 * left + square, cols + 2 * right + square
    return kernel.from_inner(inner, rows, cols, len(center))


class KernelSums:
    """Visitor that sums K kernels over all pairs of two sets, those of a point with itself apart."""

    def __init__(self, left: Points, right: Points, kernels: Sequence[Kernel]) -> None:
        self.left, self.right, self.kernels = left, right, kernels
        self.totals = torch.zeros(len(kernels), dtype=torch.float64, device=left.features.device)  # (K,)
        self.diagonals = torch.zeros_like(self.totals)  # of the pairs of a point with itself

    def visit(self, tile: Tile) -> None:
        """See ``Visitor``."""
        for number, kernel in enumerate(self.kernels):
            matrix = kernel_tile(kernel, tile)
            own = matrix.diagonal().sum() if tile.on_diagonal else matrix.new_zeros(())
            mirrored = self.left is self.right and not tile.on_diagonal
            self.totals[number] += (matrix.sum() - own) * (2 if mirrored else 1)
            self.diagonals[number] += own
