"""One side of a comparison with all that follows from it alone, so that the real side is worked out once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.kernels import Kernel
from lightning_gans.evaluation.metrics.functional.checks import check_neighbors, checked_features
from lightning_gans.evaluation.metrics.functional.moments import covariance_root, feature_covariance, feature_mean, sample_root
from lightning_gans.evaluation.metrics.functional.neighbors import Nearest
from lightning_gans.evaluation.metrics.functional.tiles import TILE_SIZE, Frame, Points, Tile, sweep, work_dtype

USUAL_NEIGHBOURS = 5  # found at once, as 1, 3 and 5 are asked for in turn
SCHEMA = 2  # raised whenever the meaning of a stored tensor changes


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
    frame = tile.left.frame
    inner = tile.inner.double() * frame.scale**-2
    rows = tile.left.squared[tile.rows] * frame.scale**-2
    cols = tile.right.squared[tile.cols] * frame.scale**-2
    if not (kernel.translation_invariant or kernel.translation_invariant_mmd):  # move the origin back: x = c + m
        left = tile.left.block(tile.rows, torch.float64) @ frame.center / frame.scale
        right = tile.right.block(tile.cols, torch.float64) @ frame.center / frame.scale
        square = frame.center.square().sum()
        inner += (left + square)[:, None]
        inner += right
        rows, cols = rows + 2 * left + square, cols + 2 * right + square
    return kernel.from_inner(inner, rows, cols, len(frame.center))


class Side:
    """Features with what depends on them alone, each worked out when first asked for.

    Args:
        features: Feature vectors, shape (N, D).
        frame: Origin and unit of the computation; ``None`` is the mean of these features.
        name: What an error calls them.
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.
    """

    def __init__(
        self, features: Tensor, frame: Frame | None = None, name: str = "fake", tile_size: int = TILE_SIZE
    ) -> None:
        self.features = checked_features(name, features)
        self.name, self.tile_size, self._frame = name, tile_size, frame
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
    def frame(self) -> Frame:
        """Origin and unit."""
        return self._frame or Frame.of(self.features, self.mean)

    @property
    def few(self) -> bool:
        """Whether there are no more samples than dimensions."""
        return len(self) <= self.features.shape[1]

    @property
    def covariance(self) -> Tensor:
        """Sample covariance (ddof = 1), float64, shape (D, D)."""
        if "covariance" not in self._store:
            self._store["covariance"] = feature_covariance(self.features, self.mean)
        return self._store["covariance"]

    @property
    def root(self) -> Tensor:
        """``R`` (r, D) with ``R' R`` = covariance, float64."""
        if "root" not in self._store:
            few = self.few
            self._store["root"] = sample_root(self.features, self.mean) if few else covariance_root(self.covariance)
        return self._store["root"]

    @property
    def trace(self) -> Tensor:
        """Trace of the covariance."""
        return self.root.square().sum() if "root" in self._store or self.few else self.covariance.trace()

    def points(self, dtype: torch.dtype) -> Points:
        """The features in the frame, in the given type or a finer one."""
        if self._points is None or (dtype == torch.float64 and self._points.dtype != torch.float64):
            self._points = Points(self.features, self.frame, dtype)
        return self._points

    def release(self) -> Self:
        """Drop the copy of the features that sweeps use; what has been worked out stays."""
        self._points = None
        return self

    def prepare(self, k: int = 0, kernels: Sequence[Kernel] = ()) -> Self:
        """Work out k nearest neighbors and kernel sums within this side in one sweep, unless they are known.

        Args:
            k: Number of neighbors; 0 for none.
            kernels: Kernels to sum, fitted.

        Returns:
            This side.

        Raises:
            ConfigError: If there are no k neighbors.
        """
        if k:
            check_neighbors(k, **{self.name: len(self)})
            k = max(k, min(USUAL_NEIGHBOURS, len(self) - 1))
        wanted = [kernel for kernel in kernels if self._kernel_sums(kernel) is None]
        need_neighbors = k > (self._store["neighbors"].shape[1] if "neighbors" in self._store else 0)
        if not wanted and not need_neighbors:
            return self
        points = self.points(torch.float64 if wanted else work_dtype(self.features.device))
        sums, nearest = KernelSums(points, points, wanted), Nearest(points, points, k)
        sweep(points, points, [sums] * bool(wanted) + [nearest] * need_neighbors, self.tile_size)
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
        return self.prepare(k)._store["neighbors"][:, :k]

    def kernel_sums(self, kernel: Kernel) -> tuple[Tensor, Tensor]:
        """Sum of a fitted kernel over pairs of two different samples, and over pairs of a sample with itself."""
        found = self.prepare(kernels=[kernel])._kernel_sums(kernel)
        assert found is not None
        total, diagonal = found
        return total, diagonal


class RealSide(Side):
    """The real side, which can be stored and used again: means, covariance root, neighbors, kernel sums.

    Wherever a function takes real features it takes a ``RealSide`` too, and then works out only what is new.

    Example:
        >>> real = RealSide.from_features(torch.tensor([[0.0], [1.0], [3.0]]), k=1)
        >>> real.neighbors(1).squeeze(1)
        tensor([1., 1., 4.], dtype=torch.float64)
        >>> RealSide.from_dict(real.to_dict()).neighbors(1).squeeze(1)
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
        """The real side of these features, with what is asked for worked out; the rest follows on demand.

        Args:
            real: Real features, shape (N, D).
            k: Number of neighbors to find (5 serves precision, recall, density, coverage and the 1-NN test).
            kernels: Kernels to sum.
            moments: Whether to work out mean and covariance root.
            tile_size: Rows and columns of a tile.

        Raises:
            ConfigError: If the features cannot be used, or N <= k.
        """
        side = cls(real, name="real", tile_size=tile_size)
        side.prepare(k, [kernel.fit(side.features) for kernel in kernels])
        if moments:
            _ = side.root
        return side

    def to_dict(self) -> dict[str, Tensor]:
        """All that is known by now as plain tensors on the CPU, for ``torch.save``."""
        stored = {name: value for name, value in self._store.items() if name != "covariance"}  # the root contains it
        tensors = {"schema": torch.tensor(SCHEMA), "features": self.features, **stored}
        return {name: value.cpu() for name, value in tensors.items()}

    @classmethod
    def from_dict(cls, tensors: Mapping[str, Tensor], tile_size: int = TILE_SIZE) -> Self:
        """The real side that ``to_dict`` wrote.

        Raises:
            ConfigError: If the tensors are of another version or incomplete.
        """
        schema = tensors.get("schema")
        if schema is None or int(schema) != SCHEMA or "features" not in tensors:
            raise ConfigError("real", schema, f"not a stored real side of schema {SCHEMA}; compute it again")
        side = cls(tensors["features"], name="real", tile_size=tile_size)
        side._store = {name: value for name, value in tensors.items() if name not in ("schema", "features")}
        return side


def as_real(real: Tensor | Side, tile_size: int = TILE_SIZE) -> Side:
    """The real side of features or of what already is a side."""
    return real if isinstance(real, Side) else RealSide(real, name="real", tile_size=tile_size)


def as_fake(fake: Tensor | Side, real: Side, name: str = "fake") -> Side:
    """The fake side, in the frame and on the device of the real one.

    Raises:
        ConfigError: If the dimensions differ.
    """
    if isinstance(fake, Side) and fake is not real and fake.frame is real.frame:
        return fake
    features = fake.features if isinstance(fake, Side) else fake
    side = Side(features.to(real.features.device), None, name, real.tile_size)
    if side.features.shape[1] != real.features.shape[1]:
        hint = (
            f"the real features have dimension {real.features.shape[1]}; extract both sides with the same extractor"
        )
        raise ConfigError(name, tuple(features.shape), hint)
    side._frame = real.frame
    return side
