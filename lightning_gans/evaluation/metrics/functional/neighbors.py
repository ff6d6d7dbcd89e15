"""Nearest neighbors and ball membership, with the distances of float64 at the price of float32."""

import torch
from torch import Tensor

from lightning_gans.evaluation.metrics.functional.tiles import Points, Tile, exact_pairs, for_each_tile, rounding_error

EXTRA_NEIGHBORS = 4  # candidates beyond k: the point itself, and some so that rounding rarely hides a true neighbor
TIE_TOLERANCE = 1e-9  # relative difference of squared distances below which two candidates are as good as tied
MAX_UNSURE = 1 / 64  # share of a tile's comparisons that are made again one by one; with more, the tile is in float64


class KNearest:
    """Visitor that finds, for each of some points, its k nearest among others, or among the points but itself.

    Tiles give k + 4 candidates for each point; ``result`` computes their distances exactly and leaves out the point
    itself by its index. Where rounding could have hidden a true neighbor among the rest, the point is searched again
    in float64.
    """

    def __init__(self, points: Points, others: Points, k: int) -> None:
        self.points, self.others, self.k = points, others, k
        shape = (len(points), min(k + EXTRA_NEIGHBORS, len(others)))
        self.squared = torch.full(shape, torch.inf, dtype=points.dtype, device=points.features.device)
        self.index = torch.zeros(shape, dtype=torch.int64, device=points.features.device)

    def visit(self, tile: Tile) -> None:
        """See ``Visitor``."""
        if tile.left is self.points and tile.right is self.others:
            self._merge(tile.rows, tile.cols, tile.squared)
        if tile.left is self.others and tile.right is self.points and not tile.on_diagonal:
            self._merge(tile.cols, tile.rows, tile.squared.T)

    def _merge(self, rows: slice, cols: slice, squared: Tensor) -> None:
        width = self.squared.shape[1]
        values, index = squared.topk(min(width, squared.shape[1]), largest=False)
        values = torch.cat([self.squared[rows], values], 1)
        index = torch.cat([self.index[rows], index + cols.start], 1)
        self.squared[rows], order = values.topk(width, largest=False)
        self.index[rows] = index.gather(1, order)

    @torch.no_grad()
    def result(self) -> tuple[Tensor, Tensor]:
        """Squared distances (N, k), float64, ascending, in the units of the features; and which others, (N, k)."""
        rows = torch.arange(len(self.points), device=self.index.device)
        squared, index = self._exact(rows, self.index, self._near())
        doubtful = self._doubtful(self, squared, 0.0)
        if len(doubtful):
            squared[doubtful], index[doubtful] = self._search(doubtful)
        return squared[:, : self.k], index[:, : self.k]

    def _near(self) -> Tensor:
        """Which candidates may be among the k nearest: computed no farther than the k-th and twice the rounding."""
        error, floor = rounding_error(self.points, self.others, self.points.dtype)
        squared = self.squared.double()
        itself = self.points is self.others  # among the candidates
        last = min(self.k, squared.shape[1] - 1) if itself else self.k - 1
        kth = squared[:, last : last + 1]
        margin = error * (3 * self.points.squared[:, None] + 4 * kth.clamp_min(0)) + floor
        return (squared <= kth + 4 * margin) | ~squared.isfinite()  # what overflowed is computed exactly

    def _exact(self, rows: Tensor, index: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        """The candidates ``index`` (n, w) of ``rows`` (n,) that are ``near`` in the order of their exact distances."""
        if self.points is self.others:
            near = near & (index != rows[:, None])
        row, column = near.nonzero(as_tuple=True)
        pairs = torch.full(index.shape, torch.inf, dtype=torch.float64, device=index.device)
        pairs[row, column] = exact_pairs(self.points.features, self.others.features, rows[row], index[row, column])
        pairs, order = pairs.sort(dim=1, stable=True)
        return pairs, index.gather(1, order)

    def _doubtful(self, found: "KNearest", squared: Tensor, tolerance: float) -> Tensor:
        """Which rows of ``found`` may lack a true neighbor whose distance differs by more than the tolerance, (n,)."""
        if found.squared.shape[1] >= len(self.others):
            return torch.empty(0, dtype=torch.int64, device=squared.device)  # every other point is a candidate
        error, floor = rounding_error(found.points, self.others, found.points.dtype)
        # |y|^2 <= 2 |x|^2 + 2 d^2, and any y that is not a candidate has a computed distance of at least the last one's
        kth = squared[:, self.k - 1] * self.points.standardization.scale**2
        margin = error * (3 * found.points.squared + 2 * kth) + floor
        last = found.squared[:, -1].double()
        unsure = (kth > 0) & (kth + margin > last) & (margin > tolerance * kth)
        unsure |= ~(last.isfinite() & margin.isfinite())  # overflow says nothing about who is near
        return unsure.nonzero().squeeze(1)

    def _search(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The neighbors of the points ``rows`` (n,) from tiles in float64, and without tiles where that fails too."""
        subset = Points(self.points.features[rows], self.points.standardization, torch.float64)
        within = KNearest(subset, self.others, self.k)
        for_each_tile(subset, self.others, [within])
        squared, index = self._exact(rows, within.index, torch.ones_like(within.index, dtype=torch.bool))
        everyone = torch.arange(len(self.others), device=rows.device)[None]
        for row in self._doubtful(within, squared, TIE_TOLERANCE).tolist():
            every, order = self._exact(rows[row : row + 1], everyone, torch.ones_like(everyone, dtype=torch.bool))
            squared[row], index[row] = every[0, : squared.shape[1]], order[0, : squared.shape[1]]
        return squared, index


class KNNBalls:
    """Visitor that counts which of M points lie in the open (d < r) and closed (d <= r) balls around N centers.

    There are K balls around each center, whose squared radii (N, K) are in the units of the features. ``counts``
    (2, M, K) tell in how many balls each point lies, ``hits`` (2, N, K) whether each ball has any point inside:
    closed balls first, then open ones.
    """

    def __init__(self, centers: Points, points: Points, squared_radii: Tensor) -> None:
        self.centers, self.points = centers, points
        self.squared_radii = squared_radii.to(centers.features.device) * centers.standardization.scale**2
        width, device = squared_radii.shape[1], centers.features.device
        self.counts = torch.zeros(2, len(points), width, dtype=torch.int64, device=device)
        self.hits = torch.zeros(2, len(centers), width, dtype=torch.bool, device=device)

    def visit(self, tile: Tile) -> None:
        """See ``Visitor``."""
        mirrored = tile.left is not self.centers
        inner, outer = (tile.cols, tile.rows) if mirrored else (tile.rows, tile.cols)
        squared = tile.squared.T if mirrored else tile.squared  # (centers, points)
        radii = self.squared_radii[inner]
        error, floor = rounding_error(tile.left, tile.right, tile.inner.dtype)
        slack = error * (self.centers.squared[inner] + self.points.squared[outer].max()) + floor
        limit = ((radii.amax(1) + slack) * (1 + 2**-20)).to(squared.dtype)
        center, point = (squared <= limit[:, None]).nonzero(as_tuple=True)
        distance = squared[center, point].double()[:, None]
        margin = (error * (self.centers.squared[inner][center] + self.points.squared[outer][point]) + floor)[:, None]
        radius = radii[center]  # (hits, K)
        unsure = (distance - radius).abs() <= margin
        if tile.inner.dtype != torch.float64 and int(unsure.any(1).sum()) > MAX_UNSURE * squared.numel() + 64:
            self.visit(tile.refined())
            return
        center, point = center + inner.start, point + outer.start
        again = unsure.any(1).nonzero().squeeze(1)
        exact = exact_pairs(self.centers.features, self.points.features, center[again], point[again])[:, None]
        exact = exact * self.centers.standardization.scale**2
        for compare, counts, hits in zip((torch.le, torch.lt), self.counts, self.hits, strict=True):
            inside = compare(distance, radius)
            inside[again] = torch.where(unsure[again], compare(exact, radius[again]), inside[again])
            counts.index_add_(0, point, inside.to(torch.int64))
            for column in range(inside.shape[1]):
                hits[center[inside[:, column]], column] = True
