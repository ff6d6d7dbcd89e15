"""Statistics of one set of features, each computed when first asked for: those of real images are computed once."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.moments import (
    covariance_sqrt,
    feature_covariance,
    feature_mean,
    sample_covariance_sqrt,
)
from lightning_gans.evaluation.metrics.functional.neighbors import KNearest
from lightning_gans.evaluation.metrics.functional.tiles import (
    TILE_SIZE,
    KernelSums,
    Points,
    Standardization,
    for_each_tile,
    work_dtype,
)
from lightning_gans.objectives.kernels import Kernel

DEFAULT_NUM_NEIGHBORS = 5  # found at once, as 1, 3 and 5 are asked for in turn
SCHEMA = 3  # raised whenever the meaning of a stored tensor changes


class MeanAndStd(NamedTuple):
    """Mean and standard deviation (ddof = 0) over splits or subsets (float64 scalars)."""

    mean: Tensor
    std: Tensor


def checked_features(name: str, features: Tensor) -> Tensor:
    """Features (N, D), detached, as float32 or float64, on a device that has float64; ``name`` is for the error.

    Raises:
        ConfigError: They are not a matrix, none, or not finite.

    Example:
        >>> checked_features("real", torch.tensor([[1, 2]])).dtype
        torch.float64
    """
    shape = tuple(features.shape)
    if features.ndim != 2 or shape[1] == 0:
        raise ConfigError(name, shape, "features are a matrix (samples, dimension); flatten each sample to one row")
    if shape[0] == 0:
        raise ConfigError(name, shape, "there are no samples")
    features = features.detach()
    if features.device.type == "mps":  # no float64 there
        features = features.cpu()
    if features.dtype not in (torch.float32, torch.float64):
        features = features.to(torch.float32 if features.is_floating_point() else torch.float64)
    if not bool(torch.isfinite(features.sum())):  # the sum of finite numbers may overflow, so look closer only then
        bad = int((~torch.isfinite(features)).any(1).sum())
        if bad:
            hint = f"{bad} samples have NaN or infinite features; look for them in the extractor"
            raise ConfigError(name, shape, hint)
    return features


def check_neighbors(k: int, name: str, count: int) -> None:
    """Refuse a number of neighbors that a set of ``count`` samples cannot have."""
    if not 1 <= k < count:
        hint = f"a sample has {count - 1} neighbors among {count} {name} samples; choose 1 <= k < N"
        raise ConfigError("k", k, hint)


class FeatureStatistics:
    """Features (N, D) with what depends on them alone: moments, neighbors, kernel sums.

    They are centered and scaled by ``standardization``, or by themselves. Rows and columns of a tile, ``tile_size``,
    change time and memory, not the result.
    """

    name = "fake"  # what an error calls them

    def __init__(
        self, features: Tensor, standardization: Standardization | None = None, tile_size: int = TILE_SIZE
    ) -> None:
        self.features = checked_features(self.name, features)
        self.tile_size, self._standardization = tile_size, standardization
        self._known: dict[str | Kernel, Tensor] = {}  # a kernel without a key is held, so that none takes its identity
        self._points: Points | None = None

    def __len__(self) -> int:
        return len(self.features)

    def _once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    @property
    def mean(self) -> Tensor:
        """Mean, float64, shape (D,)."""
        return self._once("mean", lambda: feature_mean(self.features))

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
        return self._once("covariance", lambda: feature_covariance(self.features, self.mean))

    @property
    def covariance_sqrt(self) -> Tensor:
        """``R`` (r, D) with ``R' R`` = covariance, float64."""
        if self.is_low_rank:
            return self._once("covariance_sqrt", lambda: sample_covariance_sqrt(self.features, self.mean))
        return self._once("covariance_sqrt", lambda: covariance_sqrt(self.covariance))

    @property
    def covariance_trace(self) -> Tensor:
        """Trace of the covariance."""
        if "covariance_sqrt" in self._known or self.is_low_rank:
            return self.covariance_sqrt.square().sum()
        return self.covariance.trace()

    def points(self, dtype: torch.dtype) -> Points:
        """The standardized features, in the given type or a finer one."""
        if self._points is None or (dtype == torch.float64 and self._points.dtype != torch.float64):
            self._points = Points(self.features, self.standardization, dtype)
        return self._points

    def free(self) -> None:
        """Drop the standardized copy of the features; what has been computed stays."""
        self._points = None

    def precompute(self, k: int = 0, kernels: Sequence[Kernel] = ()) -> Self:
        """Compute k (0: no) nearest neighbors and sums of fitted kernels within this set in one pass, unless known."""
        if k:
            check_neighbors(k, self.name, len(self))
            k = max(k, min(DEFAULT_NUM_NEIGHBORS, len(self) - 1))
        wanted = [kernel for kernel in kernels if _key(kernel) not in self._known]
        need_neighbors = k > (self._known["neighbors"].shape[1] if "neighbors" in self._known else 0)
        if not wanted and not need_neighbors:
            return self
        points = self.points(torch.float64 if wanted else work_dtype(self.features.device))
        sums, nearest = KernelSums(points, points, wanted), KNearest(points, points, k)
        for_each_tile(points, points, [sums] * bool(wanted) + [nearest] * need_neighbors, self.tile_size)
        if need_neighbors:
            self._known["neighbors"] = nearest.result()[0]
        for number, kernel in enumerate(wanted):
            self._known[_key(kernel)] = torch.stack([sums.totals[number], sums.diagonals[number]])
        return self

    def neighbors(self, k: int) -> Tensor:
        """Squared distances of each sample to its k nearest, itself left out; ascending, float64, shape (N, k)."""
        return self.precompute(k)._known["neighbors"][:, :k]

    def kernel_sums(self, kernel: Kernel) -> tuple[Tensor, Tensor]:
        """Sum of a fitted kernel over pairs of two different samples, and over pairs of a sample with itself."""
        total, diagonal = self.precompute(kernels=[kernel])._known[_key(kernel)]
        return total, diagonal


def _key(kernel: Kernel) -> str | Kernel:
    return kernel if kernel.key is None else f"kernel {kernel.key}"


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

    name = "real"

    @classmethod
    def from_features(cls, real: Tensor, *, k: int = 0, kernels: Sequence[Kernel] = (), moments: bool = False) -> Self:
        """The statistics of features (N, D), with what is asked for computed; the rest follows on demand.

        ``k`` is the number of neighbors to find: 5 serves precision, recall, density, coverage and the 1-NN test.

        Raises:
            ConfigError: If the features cannot be used, or N <= k.
        """
        statistics = cls(real)
        statistics.precompute(k, [kernel.fit(statistics.features) for kernel in kernels])
        if moments:
            _ = statistics.covariance_sqrt
        return statistics

    def to_dict(self) -> dict[str, Tensor]:
        """All that is known by now as plain tensors on the CPU, for ``torch.save``."""
        tensors = {"schema": torch.tensor(SCHEMA), "features": self.features}
        tensors |= {name: value for name, value in self._known.items() if isinstance(name, str)}
        tensors.pop("covariance", None)  # its root contains it
        return {name: value.cpu() for name, value in tensors.items()}

    @classmethod
    def from_dict(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The statistics that ``to_dict`` wrote.

        Raises:
            ConfigError: If the tensors are of another version or incomplete.
        """
        schema = int(tensors.get("schema", torch.tensor(0)))
        if schema != SCHEMA or "features" not in tensors:
            raise ConfigError("schema", schema, f"these are no statistics of schema {SCHEMA}; compute them again")
        statistics = cls(tensors["features"])
        statistics._known.update({name: part for name, part in tensors.items() if name not in ("schema", "features")})
        return statistics


FeaturesLike = Tensor | FeatureStatistics
"""Features (N, D), or their statistics, which are then not computed again."""


def as_reference(real: FeaturesLike) -> FeatureStatistics:
    """The statistics of real features; those that are given as such are returned."""
    return real if isinstance(real, FeatureStatistics) else ReferenceStatistics(real)


def as_generated(fake: FeaturesLike, real: FeatureStatistics) -> FeatureStatistics:
    """The statistics of generated features, standardized as the real ones, whose dimension they must have."""
    if isinstance(fake, FeatureStatistics) and fake is not real and fake.standardization is real.standardization:
        return fake
    features = fake.features if isinstance(fake, FeatureStatistics) else fake
    statistics = FeatureStatistics(features.to(real.features.device), real.standardization, real.tile_size)
    if statistics.features.shape[1] != real.features.shape[1]:
        hint = f"the real features have dimension {real.features.shape[1]}; use the same extractor for both"
        raise ConfigError(statistics.name, tuple(features.shape), hint)
    return statistics
