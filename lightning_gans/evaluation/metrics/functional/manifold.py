"""Metrics from k-nearest-neighbor balls: precision and recall, density and coverage."""

from lightning_gans.evaluation.metrics.functional.pairwise import (
    DensityCoverageResult,
    PairwisePass,
    PrecisionRecallResult,
)
from lightning_gans.evaluation.metrics.functional.statistics import FeaturesLike
from lightning_gans.evaluation.metrics.functional.tiles import TILE_SIZE


def precision_recall(
    real: FeaturesLike, fake: FeaturesLike, k: int = 3, strict: bool = False, tile_size: int = TILE_SIZE
) -> PrecisionRecallResult:
    """Fraction of fakes near real samples, and of real samples near fakes.

        precision = 1/M sum_j 1[there is an i: |y_j - x_i| <= r_k(x_i)]
        recall    = 1/N sum_i 1[there is a j:  |x_i - y_j| <= r_k(y_j)]

    where r_k is the distance of a sample to its k-th nearest neighbor in its own set. Kynkaanniemi et al. 2019,
    arXiv:1904.06991, eq. 1 and 2.

    Args:
        real: Real features, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D).
        k: Number of neighbors, below N and M.
        strict: Whether a point on the sphere is outside (``<``) rather than inside (``<=``, as in the paper).
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.

    Returns:
        Precision and recall, float64 scalars on the CPU in [0, 1].

    Raises:
        ConfigError: If features are unfit or k is not below the numbers of samples.

    Example:
        >>> import torch
        >>> real = torch.arange(6.0)[:, None]
        >>> precision_recall(real, torch.tensor([[0.5], [1.5], [2.5], [20.0]]), k=1)[0]
        tensor(0.7500, dtype=torch.float64)
    """
    pairs = PairwisePass(real, fake, real_balls=(k,), fake_balls=(k,), tile_size=tile_size)
    return pairs.precision_recall(k, strict)


def density_coverage(
    real: FeaturesLike, fake: FeaturesLike, k: int = 5, strict: bool = True, tile_size: int = TILE_SIZE
) -> DensityCoverageResult:
    """How many real balls a fake lies in, and the fraction of real balls with a fake inside.

        density  = 1/(kM) sum_{i,j} 1[|y_j - x_i| < r_k(x_i)]
        coverage = 1/N sum_i 1[there is a j: |y_j - x_i| < r_k(x_i)]

    Naeem et al. 2020, arXiv:2002.09797, eq. 4 and 5. Two samples of one distribution have an expected density of 1 and,
    for many samples, a coverage of 1 - 2^-k.

    Args:
        real: Real features, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D).
        k: Number of neighbors, below N.
        strict: Whether a point on the sphere is outside (``<``, as in the authors' code) rather than inside (``<=``).
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.

    Returns:
        Density and coverage, float64 scalars on the CPU; density may exceed 1.

    Raises:
        ConfigError: If features are unfit or k is not below N.

    Example:
        >>> import torch
        >>> real = torch.arange(6.0)[:, None]
        >>> density_coverage(real, real[:3] + 0.5, k=1)  # each fake in two balls; four balls of six are hit
        DensityCoverageResult(density=tensor(2., dtype=torch.float64), coverage=tensor(0.6667, dtype=torch.float64))
    """
    return PairwisePass(real, fake, real_balls=(k,), tile_size=tile_size).density_coverage(k, strict)
