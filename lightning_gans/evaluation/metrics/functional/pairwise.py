"""All metrics that compare real to fake samples pair by pair, from one pass over the pairs.

Real features are (N, D) or their ``ReferenceStatistics``, fake ones (M, D); results are float64 on the CPU.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.neighbors import KNearest, KNNBalls
from lightning_gans.evaluation.metrics.functional.statistics import (
    FeaturesLike,
    FeatureStatistics,
    as_generated,
    as_reference,
    check_neighbors,
)
from lightning_gans.evaluation.metrics.functional.tiles import KernelSums, for_each_tile, work_dtype
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


def precision_recall(real: FeaturesLike, fake: FeaturesLike, k: int = 3, strict: bool = False) -> PrecisionRecallResult:
    """Fraction of fakes near real samples, and of real samples near fakes.

        precision = 1/M sum_j 1[there is an i: |y_j - x_i| <= r_k(x_i)]
        recall    = 1/N sum_i 1[there is a j:  |x_i - y_j| <= r_k(y_j)]

    where r_k is the distance of a sample to its k-th nearest neighbor in its own set. Kynkaanniemi et al. 2019,
    arXiv:1904.06991, eq. 1 and 2; ``strict`` has ``<``, so that a point on the sphere is outside.

    Raises:
        ConfigError: If features are unfit or k is not below the numbers of samples.

    Example:
        >>> real = torch.arange(6.0)[:, None]
        >>> precision_recall(real, torch.tensor([[0.5], [1.5], [2.5], [20.0]]), k=1)[0]
        tensor(0.7500, dtype=torch.float64)
    """
    return PairwisePass(real, fake, real_balls=(k,), fake_balls=(k,)).precision_recall(k, strict)


def density_coverage(real: FeaturesLike, fake: FeaturesLike, k: int = 5, strict: bool = True) -> DensityCoverageResult:
    """How many real balls a fake lies in, and the fraction of real balls with a fake inside.

        density  = 1/(kM) sum_{i,j} 1[|y_j - x_i| < r_k(x_i)]
        coverage = 1/N sum_i 1[there is a j: |y_j - x_i| < r_k(x_i)]

    Naeem et al. 2020, arXiv:2002.09797, eq. 4 and 5, and ``strict`` as in the authors' code. Two samples of one
    distribution have an expected density of 1 and, for many samples, a coverage of 1 - 2^-k.

    Raises:
        ConfigError: If features are unfit or k is not below N.

    Example:
        >>> real = torch.arange(6.0)[:, None]
        >>> density_coverage(real, real[:3] + 0.5, k=1)  # each fake in two balls; four balls of six are hit
        DensityCoverageResult(density=tensor(2., dtype=torch.float64), coverage=tensor(0.6667, dtype=torch.float64))
    """
    return PairwisePass(real, fake, real_balls=(k,)).density_coverage(k, strict)


def one_nn_accuracy(real: FeaturesLike, fake: FeaturesLike) -> OneNNAccuracyResult:
    """Leave-one-out accuracy of a 1-nearest-neighbor classifier that tells real from fake: real, fake, both pooled.

    0.5 where the distributions agree, 1 where they are apart, 0 where each fake copies a real sample. A generator that
    has collapsed scores low on real and high on fake, which the pooled figure alone hides. Lopez-Paz and Oquab 2017,
    arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755, section 3. A sample as near to the other set as to its own
    counts half. The test means most when M = N.

    Raises:
        ConfigError: If features are unfit, or a set has only one sample.

    Example:
        >>> real = torch.tensor([[0.0], [1.0], [2.0]])
        >>> [float(one_nn_accuracy(real, fake).pooled) for fake in (real + 10, real.clone())]
        [1.0, 0.0]
    """
    return PairwisePass(real, fake, nearest=True).one_nn_accuracy()


def authenticity(real: FeaturesLike, fake: FeaturesLike) -> Tensor:
    """Fraction of fakes that are no near copies: farther from their nearest *training* sample than it is from its own.

    AuthPct / 100 in Stein et al. 2023, arXiv:2306.04675, section 5; Alaa et al. 2022, arXiv:2102.08921, section 4. A
    generator that copies scores 0.

    Raises:
        ConfigError: If features are unfit, or there is only one real sample.

    Example:
        >>> authenticity(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.1], [5.0]]))
        tensor(0.5000, dtype=torch.float64)
    """
    return PairwisePass(real, fake, nearest=True, fake_neighbors=False).authenticity()


class PairwisePass:
    """One pass over real x real (unless known), fake x fake (if needed) and real x fake, and the metrics from it.

    Balls around real samples are wanted for each k of ``real_balls`` (precision and recall, density and coverage), and
    around fakes for each of ``fake_balls`` (recall); nearest neighbors between both if ``nearest`` (authenticity), and
    among fakes if ``fake_neighbors`` (two-sample accuracy); sums of ``kernels``, fitted to the real samples (MMD).

    Raises:
        ConfigError: If features are unfit or a k is not below the number of samples.

    Example:
        >>> real, fake = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> both = PairwisePass(real, fake, real_balls=(3, 5), fake_balls=(3,))
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
    ) -> None:
        self.real = as_reference(real)
        self.fake = as_generated(fake, self.real)
        for samples, balls in ((self.real, real_balls), (self.fake, fake_balls)):
            for k in balls:
                check_neighbors(k, samples.name, len(samples))
        self._fitted = {kernel: kernel.fit(self.real.features) for kernel in kernels}
        self._real_balls, self._fake_balls = tuple(real_balls), tuple(fake_balls)
        fitted = list(self._fitted.values())
        self.real.precompute(max((*real_balls, int(nearest)), default=0), fitted)
        self.fake.precompute(max((*fake_balls, int(nearest and fake_neighbors)), default=0), fitted)
        dtype = torch.float64 if fitted else work_dtype(self.real.features.device)
        x, y = self.real.points(dtype), self.fake.points(dtype)
        self._around_real = KNNBalls(x, y, _squared_radii(self.real, self._real_balls))
        self._around_fake = KNNBalls(y, x, _squared_radii(self.fake, self._fake_balls))
        self._sums, pairs = KernelSums(x, y, fitted), [KNearest(x, y, 1), KNearest(y, x, 1)]
        around = [self._around_real] * bool(real_balls) + [self._around_fake] * bool(fake_balls)
        for_each_tile(x, y, [*around, *pairs * nearest, *[self._sums] * bool(fitted)], self.real.tile_size)
        self._across = tuple(pair.result() for pair in pairs) if nearest else ()

    def precision_recall(self, k: int = 3, strict: bool = False) -> PrecisionRecallResult:
        """See ``precision_recall``; k must be among ``real_balls`` and ``fake_balls``."""
        parts = ((self._around_real, self._real_balls), (self._around_fake, self._fake_balls))
        inside = [balls.counts[int(strict), :, ks.index(k)] > 0 for balls, ks in parts]
        return PrecisionRecallResult(*(near.double().mean().cpu() for near in inside))

    def density_coverage(self, k: int = 5, strict: bool = True) -> DensityCoverageResult:
        """See ``density_coverage``; k must be among ``real_balls``."""
        which, column = int(strict), self._real_balls.index(k)
        density = self._around_real.counts[which, :, column].double().mean() / k
        return DensityCoverageResult(density.cpu(), self._around_real.hits[which, :, column].double().mean().cpu())

    def one_nn_accuracy(self) -> OneNNAccuracyResult:
        """See ``one_nn_accuracy``; needs ``nearest``."""
        correct = []
        for within, (squared, _) in zip((self.real, self.fake), self._across, strict=True):
            own, other = within.neighbors(1)[:, 0], squared[:, 0]
            correct.append(torch.where(own == other, 0.5, (own < other).double()))
        return OneNNAccuracyResult(correct[0].mean().cpu(), correct[1].mean().cpu(), torch.cat(correct).mean().cpu())

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


def _squared_radii(samples: FeatureStatistics, ks: tuple[int, ...]) -> Tensor:
    return samples.neighbors(max(ks))[:, [k - 1 for k in ks]] if ks else torch.zeros(len(samples), 0)
