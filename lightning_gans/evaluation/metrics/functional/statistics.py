"""Statistics of one set of features, each computed when first asked for: those of real images are computed once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.checks import check_neighbors, checked_features
from lightning_gans.evaluation.metrics.functional.moments import (
    covariance_sqrt,
    feature_covariance,
    feature_mean,
    sample_covariance_sqrt,
)
from lightning_gans.evaluation.metrics.functional.neighbors import KNearest
from lightning_gans.evaluation.metrics.functional.tiles import (
    TILE_SIZE,
    Points,
    Standardization,
    Tile,
    for_each_tile,
    work_dtype,
)
from lightning_gans.objectives.kernels import Kernel

DEFAULT_NUM_NEIGHBORS = 5  # found at once, as 1, 3 and 5 are asked for in turn
SCHEMA = 3  # raised whenever the meaning of a stored tensor changes


class KernelSums:
    """Visitor that sums kernels over all pairs of two sets.

    Args:
        left: Points of the rows, in float64.
        right: Points of the columns; when they are ``left``, the pairs of a point with itself are summed apart.
        kernels: The kernels.

    Attributes:
        totals: Sum over all pairs of two different points for each kernel, float64, shape (K,).
        diagonals: Sum over the pairs of a point with itself, shape (K,).
    """

    def __init__(self, left: Points, right: Points, kernels: Sequence[Kernel]) -> None:
        self.left, self.right, self.kernels = left, right, kernels
        self.totals = torch.zeros(len(kernels), dtype=torch.float64, device=left.features.device)
        self.diagonals = torch.zeros_like(self.totals)

    def visit(self, tile: Tile) -> None:
        """See ``Visitor``."""
        for number, kernel in enumerate(self.kernels):
            matrix = kernel_tile(kernel, tile)
            own = matrix.diagonal().sum() if tile.on_diagonal else matrix.new_zeros(())
            mirrored = self.left is self.right and not tile.on_diagonal
            self.totals[number] += (matrix.sum() - own) * (2 if mirrored else 1)
            self.diagonals[number] += own


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


class FeatureStatistics:
    """Features with what depends on them alone: moments, neighbors, kernel sums, each computed when first asked for.

    Args:
        features: Feature vectors, shape (N, D).
        standardization: Origin and unit of the computation; None centers and scales by these features.
        name: What an error calls them.
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.
    """

    def __init__(
        self,
        features: Tensor,
        standardization: Standardization | None = None,
        name: str = "fake",
        tile_size: int = TILE_SIZE,
    ) -> None:
        self.features = checked_features(name, features)
        self.name, self.tile_size, self._standardization = name, tile_size, standardization
        self._store: dict[str, Tensor] = {}
        self._unnamed: list[tuple[Kernel, Tensor]] = []
        self._points: Points | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def mean(self) -> Tensor:
        """Mean, float64, shape (D,)."""
        if "mean" not in self._store:
            self._store["mean"] = feature_mean(self.features)
        return self._store["mean"]

    @cached_property
    def standardization(self) -> Standardization:
        """Origin and unit."""
        return self._standardization or Standardization.of(self.features, self.mean)

    @property
    def is_low_rank(self) -> bool:
        """Whether there are no more samples than dimensions."""
        return len(self) <= self.features.shape[1]

    @property
    def covariance(self) -> Tensor:
        """Sample covariance (ddof = 1), float64, shape (D, D)."""
        if "covariance" not in self._store:
            self._store["covariance"] = feature_covariance(self.features, self.mean)
        return self._store["covariance"]

    @property
    def covariance_sqrt(self) -> Tensor:
        """``R`` (r, D) with ``R' R`` = covariance, float64."""
        if "covariance_sqrt" not in self._store:
            self._store["covariance_sqrt"] = (
                sample_covariance_sqrt(self.features, self.mean)
                if self.is_low_rank
                else covariance_sqrt(self.covariance)
            )
        return self._store["covariance_sqrt"]

    @property
    def covariance_trace(self) -> Tensor:
        """Trace of the covariance."""
        if "covariance_sqrt" in self._store or self.is_low_rank:
            return self.covariance_sqrt.square().sum()
        return self.covariance.trace()

    def points(self, dtype: torch.dtype) -> Points:
        """The standardized features, in the given type or a finer one."""
        if self._points is None or (dtype == torch.float64 and self._points.dtype != torch.float64):
            self._points = Points(self.features, self.standardization, dtype)
        return self._points

    def free(self) -> Self:
        """Drop the standardized copy of the features; what has been computed stays."""
        self._points = None
        return self

    def precompute(self, k: int = 0, kernels: Sequence[Kernel] = ()) -> Self:
        """Compute k nearest neighbors and kernel sums within this set in one pass, unless they are known.

        Args:
            k: Number of neighbors; 0 for none.
            kernels: Kernels to sum, fitted.

        Returns:
            These statistics.

        Raises:
            ConfigError: If there are no k neighbors.
        """
        if k:
            check_neighbors(k, **{self.name: len(self)})
            k = max(k, min(DEFAULT_NUM_NEIGHBORS, len(self) - 1))
        wanted = [kernel for kernel in kernels if self._kernel_sums(kernel) is None]
        need_neighbors = k > (self._store["neighbors"].shape[1] if "neighbors" in self._store else 0)
        if not wanted and not need_neighbors:
            return self
        points = self.points(torch.float64 if wanted else work_dtype(self.features.device))
        sums, nearest = KernelSums(points, points, wanted), KNearest(points, points, k)
        for_each_tile(points, points, [sums] * bool(wanted) + [nearest] * need_neighbors, self.tile_size)
        if need_neighbors:
            self._store["neighbors"] = nearest.result()[0]
        for number, kernel in enumerate(wanted):
            found = torch.stack([sums.totals[number], sums.diagonals[number]])
            if kernel.key is None:
                self._unnamed.append((kernel, found))  # holding the kernel, so that no other takes its identity
            else:
                self._store[f"kernel {kernel.key}"] = found
        return self

    def _kernel_sums(self, kernel: Kernel) -> Tensor | None:
        if kernel.key is not None:
            return self._store.get(f"kernel {kernel.key}")
        return next((sums for known, sums in self._unnamed if known is kernel), None)

    def neighbors(self, k: int) -> Tensor:
        """Squared distances of each sample to its k nearest, itself left out; ascending, float64, shape (N, k)."""
        return self.precompute(k)._store["neighbors"][:, :k]

    def kernel_sums(self, kernel: Kernel) -> tuple[Tensor, Tensor]:
        """Sum of a fitted kernel over pairs of two different samples, and over pairs of a sample with itself."""
        found = self.precompute(kernels=[kernel])._kernel_sums(kernel)
        assert found is not None
        total, diagonal = found
        return total, diagonal


class ReferenceStatistics(FeatureStatistics):
    """Statistics of real features, which can be stored and used again.

    Wherever a function takes real features it takes a ``ReferenceStatistics`` too, and then computes only what is new.

    Example:
        >>> real = ReferenceStatistics.from_features(torch.tensor([[0.0], [1.0], [3.0]]), k=1)
        >>> real.neighbors(1).squeeze(1)
        tensor([1., 1., 4.], dtype=torch.float64)
        >>> ReferenceStatistics.from_dict(real.to_dict()).neighbors(1).squeeze(1)
        tensor([1., 1., 4.], dtype=torch.float64)
    """

    @classmethod
    def from_features(
        cls,
        real: Tensor,
        *,
        k: int = 0,
        kernels: Sequence[Kernel] = (),
        moments: bool = False,
        tile_size: int = TILE_SIZE,
    ) -> Self:
        """The statistics of these features, with what is asked for computed; the rest follows on demand.

        Args:
            real: Real features, shape (N, D).
            k: Number of neighbors to find (5 serves precision, recall, density, coverage and the 1-NN test).
            kernels: Kernels to sum.
            moments: Whether to compute mean and covariance.
            tile_size: Rows and columns of a tile.

        Raises:
            ConfigError: If the features cannot be used, or N <= k.
        """
        statistics = cls(real, name="real", tile_size=tile_size)
        statistics.precompute(k, [kernel.fit(statistics.features) for kernel in kernels])
        if moments:
            _ = statistics.covariance_sqrt
        return statistics

    def to_dict(self) -> dict[str, Tensor]:
        """All that is known by now as plain tensors on the CPU, for ``torch.save``."""
        stored = {name: value for name, value in self._store.items() if name != "covariance"}  # its root contains it
        tensors = {"schema": torch.tensor(SCHEMA), "features": self.features, **stored}
        return {name: value.cpu() for name, value in tensors.items()}

    @classmethod
    def from_dict(cls, tensors: Mapping[str, Tensor], tile_size: int = TILE_SIZE) -> Self:
        """The statistics that ``to_dict`` wrote.

        Raises:
            ConfigError: If the tensors are of another version or incomplete.
        """
        schema = int(tensors.get("schema", torch.tensor(0)))
        if schema != SCHEMA or "features" not in tensors:
            raise ConfigError("schema", schema, f"these are no statistics of schema {SCHEMA}; compute them again")
        statistics = cls(tensors["features"], name="real", tile_size=tile_size)
        statistics._store = {name: value for name, value in tensors.items() if name not in ("schema", "features")}
        return statistics


FeaturesLike = Tensor | FeatureStatistics
"""Features (N, D), or their statistics, which are then not computed again."""


def as_reference(real: FeaturesLike, tile_size: int = TILE_SIZE) -> FeatureStatistics:
    """The statistics of real features; those that are given as such are returned."""
    return real if isinstance(real, FeatureStatistics) else ReferenceStatistics(real, name="real", tile_size=tile_size)


def as_generated(fake: FeaturesLike, real: FeatureStatistics, name: str = "fake") -> FeatureStatistics:
    """The statistics of generated features, standardized as the real ones and on their device.

    Raises:
        ConfigError: If the dimensions differ.
    """
    if isinstance(fake, FeatureStatistics) and fake is not real and fake.standardization is real.standardization:
        return fake
    features = fake.features if isinstance(fake, FeatureStatistics) else fake
    statistics = FeatureStatistics(features.to(real.features.device), None, name, real.tile_size)
    if statistics.features.shape[1] != real.features.shape[1]:
        hint = f"the real features have dimension {real.features.shape[1]}; use the same extractor for both"
        raise ConfigError(name, tuple(features.shape), hint)
    statistics._standardization = real.standardization
    return statistics
