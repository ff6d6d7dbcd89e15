"""All metrics that compare real to fake samples pair by pair, from one pass over the pairs."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.checks import check_neighbors
from lightning_gans.evaluation.metrics.functional.neighbors import KNearest, KNNBalls
from lightning_gans.evaluation.metrics.functional.statistics import (
    FeaturesLike,
    FeatureStatistics,
    KernelSums,
    as_generated,
    as_reference,
)
from lightning_gans.evaluation.metrics.functional.tiles import TILE_SIZE, for_each_tile, work_dtype
from lightning_gans.objectives.kernels import Kernel


class PrecisionRecallResult(NamedTuple):
    """Two fractions, float64 scalars in [0, 1]."""

    precision: Tensor
    recall: Tensor


class DensityCoverageResult(NamedTuple):
    """Density, float64 scalar >= 0 (1 is expected of equal distributions), and coverage, in [0, 1]."""

    density: Tensor
    coverage: Tensor


class OneNNAccuracyResult(NamedTuple):
    """Leave-one-out accuracy of the 1-NN classifier on the real samples, on the fakes, and on both pooled."""

    real: Tensor
    fake: Tensor
    pooled: Tensor


class PairwisePass:
    """One pass over real x real (unless known), fake x fake (if needed) and real x fake, and the metrics from it.

    Args:
        real: Real features, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D).
        real_balls: For which k the balls around real samples are wanted: precision and recall, density and coverage.
        fake_balls: For which k the balls around fakes are wanted: recall.
        nearest: Whether nearest neighbors between real and fake samples are wanted: two-sample accuracy, authenticity.
        fake_neighbors: Whether, with ``nearest``, those among the fakes are wanted too: two-sample accuracy.
        kernels: For which kernels sums are wanted: MMD. A kernel that is fitted is fitted to the real samples.
        tile_size: Rows and columns of a tile when ``real`` is a tensor.

    Raises:
        ConfigError: If features are unfit or a k is not below the number of samples.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> real, fake = torch.randn(2, 100, 8, generator=generator)
        >>> both = PairwisePass(real, fake, real_balls=(3, 5), fake_balls=(3,), nearest=True)
        >>> [round(float(value), 2) for value in (*both.precision_recall(3), *both.density_coverage(5))]
        [0.78, 0.82, 0.86, 0.94]
    """

    @torch.no_grad()
    def __init__(
        self,
        real: FeaturesLike,
        fake: FeaturesLike,
        *,
        real_balls: Sequence[int] = (),
        fake_balls: Sequence[int] = (),
        nearest: bool = False,
        fake_neighbors: bool = True,
        kernels: Sequence[Kernel] = (),
        tile_size: int = TILE_SIZE,
    ) -> None:
        self.real = as_reference(real, tile_size)
        self.fake = as_generated(fake, self.real)
        for k in real_balls:
            check_neighbors(k, real=len(self.real))
        for k in fake_balls:
            check_neighbors(k, fake=len(self.fake))
        self._fitted = {kernel: kernel.fit(self.real.features) for kernel in kernels}
        self._real_balls, self._fake_balls = tuple(real_balls), tuple(fake_balls)
        fitted = list(self._fitted.values())
        self.real.precompute(max((*real_balls, int(nearest)), default=0), fitted)
        self.fake.precompute(max((*fake_balls, int(nearest and fake_neighbors)), default=0), fitted)
        self._visit_tiles(nearest)

    def _visit_tiles(self, nearest: bool) -> None:
        dtype = torch.float64 if self._fitted else work_dtype(self.real.features.device)
        real, fake = self.real.points(dtype), self.fake.points(dtype)
        around_real = KNNBalls(real, fake, self._radii(self.real, self._real_balls))
        around_fake = KNNBalls(fake, real, self._radii(self.fake, self._fake_balls))
        sums = KernelSums(real, fake, list(self._fitted.values()))
        pairs = [KNearest(real, fake, 1), KNearest(fake, real, 1)]
        wanted = [around_real] * bool(self._real_balls) + [around_fake] * bool(self._fake_balls)
        for_each_tile(real, fake, [*wanted, *pairs * nearest, *[sums] * bool(self._fitted)], self.real.tile_size)
        self._around_real, self._around_fake, self._sums = around_real, around_fake, sums
        self._across = tuple(pair.result() for pair in pairs) if nearest else ()

    @staticmethod
    def _radii(samples: FeatureStatistics, ks: tuple[int, ...]) -> Tensor:
        return samples.neighbors(max(ks))[:, [k - 1 for k in ks]] if ks else torch.zeros(len(samples), 0)

    def precision_recall(self, k: int = 3, strict: bool = False) -> PrecisionRecallResult:
        """See ``precision_recall``; k must be among ``real_balls`` and ``fake_balls``."""
        parts = ((self._around_real, self._real_balls), (self._around_fake, self._fake_balls))
        inside = [(balls.open_counts if strict else balls.closed_counts)[:, ks.index(k)] for balls, ks in parts]
        precision, recall = ((counts > 0).double().mean().cpu() for counts in inside)
        return PrecisionRecallResult(precision, recall)

    def density_coverage(self, k: int = 5, strict: bool = True) -> DensityCoverageResult:
        """See ``density_coverage``; k must be among ``real_balls``."""
        column, balls = self._real_balls.index(k), self._around_real
        counts, hits = (balls.open_counts, balls.open_hits) if strict else (balls.closed_counts, balls.closed_hits)
        density = counts[:, column].double().mean() / k
        return DensityCoverageResult(density.cpu(), hits[:, column].double().mean().cpu())

    def one_nn_accuracy(self) -> OneNNAccuracyResult:
        """See ``one_nn_accuracy``; needs ``nearest``."""
        correct = [
            torch.where(own == other, 0.5, (own < other).double())
            for own, other in (
                (within.neighbors(1)[:, 0], squared[:, 0])
                for within, (squared, _) in zip((self.real, self.fake), self._across, strict=True)
            )
        ]
        return OneNNAccuracyResult(correct[0].mean().cpu(), correct[1].mean().cpu(), torch.cat(correct).mean().cpu())

    def nearest_real(self) -> tuple[Tensor, Tensor]:
        """Distance of each fake to its nearest real sample, float64 (M,), and which one, (M,); needs ``nearest``."""
        squared, index = self._across[1]
        return squared[:, 0].sqrt().cpu(), index[:, 0].cpu()

    def authenticity(self) -> Tensor:
        """See ``authenticity``; needs ``nearest``."""
        squared, index = self._across[1]
        own = self.real.neighbors(1)[:, 0]  # of each real sample to its nearest real sample
        return (squared[:, 0] > own[index[:, 0]]).double().mean().cpu()

    def maximum_mean_discrepancy(self, kernel: Kernel, biased: bool = False) -> Tensor:
        """See ``maximum_mean_discrepancy``; the kernel must be among ``kernels``."""
        fitted = self._fitted[kernel]
        cross = self._sums.totals[list(self._fitted).index(kernel)] / (len(self.real) * len(self.fake))
        within = torch.zeros_like(cross)
        for samples in (self.real, self.fake):
            if not biased and len(samples) < 2:
                raise ConfigError(samples.name, len(samples), "the unbiased MMD needs two samples of each kind")
            total, diagonal = samples.kernel_sums(fitted)
            n = len(samples)
            within += (total + diagonal) / n**2 if biased else total / (n * (n - 1))
        return (within - 2 * cross).cpu()
