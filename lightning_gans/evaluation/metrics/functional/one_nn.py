"""Metrics from the nearest neighbor alone: two-sample test, authenticity, distance to the training set."""

from torch import Tensor

from lightning_gans.evaluation.metrics.functional.pairwise import OneNNAccuracyResult, PairwisePass
from lightning_gans.evaluation.metrics.functional.statistics import FeaturesLike
from lightning_gans.evaluation.metrics.functional.tiles import TILE_SIZE


def one_nn_accuracy(real: FeaturesLike, fake: FeaturesLike, tile_size: int = TILE_SIZE) -> OneNNAccuracyResult:
    """Leave-one-out accuracy of a 1-nearest-neighbor classifier that tells real from fake.

    0.5 where the distributions agree, 1 where they are apart, 0 where each fake copies a real sample. A generator that
    has collapsed scores low on real and high on fake, which the pooled figure alone hides. Lopez-Paz and Oquab 2017,
    arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755, section 3. A sample as near to the other set
    as to its own counts half.

    Args:
        real: Real features, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D). The test means most when M = N.
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.

    Returns:
        Accuracy on real samples, on fakes and on both pooled, float64 scalars on the CPU in [0, 1].

    Raises:
        ConfigError: If features are unfit, or a set has only one sample.

    Example:
        >>> import torch
        >>> real = torch.tensor([[0.0], [1.0], [2.0]])
        >>> [float(accuracy) for accuracy in one_nn_accuracy(real, real + 10)]
        [1.0, 1.0, 1.0]
        >>> [float(accuracy) for accuracy in one_nn_accuracy(real, real.clone())]
        [0.0, 0.0, 0.0]
    """
    return PairwisePass(real, fake, nearest=True, tile_size=tile_size).one_nn_accuracy()


def authenticity(real: FeaturesLike, fake: FeaturesLike, tile_size: int = TILE_SIZE) -> Tensor:
    """Fraction of fakes that are no near copies: farther from their nearest training sample than it is from its own.

    AuthPct / 100 in Stein et al. 2023, arXiv:2306.04675, section 5; Alaa et al. 2022, arXiv:2102.08921, section 4.

    Args:
        real: Features of the *training* samples, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D).
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.

    Returns:
        Fraction, float64 scalar on the CPU in [0, 1]; a generator that copies scores 0.

    Raises:
        ConfigError: If features are unfit, or there is only one real sample.

    Example:
        >>> import torch
        >>> authenticity(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.1], [5.0]]))
        tensor(0.5000, dtype=torch.float64)
    """
    return PairwisePass(real, fake, nearest=True, fake_neighbors=False, tile_size=tile_size).authenticity()


def nearest_real_distance(real: FeaturesLike, fake: FeaturesLike, tile_size: int = TILE_SIZE) -> tuple[Tensor, Tensor]:
    """Distance of each fake to the nearest training sample, and which one that is.

    Args:
        real: Features of the *training* samples, shape (N, D), or a ``ReferenceStatistics``.
        fake: Fake features, shape (M, D).
        tile_size: Rows and columns of a tile; it changes time and memory, not the result.

    Returns:
        Distances, float64 (M,), and indices, int64 (M,), on the CPU.

    Raises:
        ConfigError: If features are unfit, or there is only one real sample.

    Example:
        >>> import torch
        >>> nearest_real_distance(torch.tensor([[0.0], [4.0]]), torch.tensor([[3.0]]))
        (tensor([1.], dtype=torch.float64), tensor([1]))
    """
    return PairwisePass(real, fake, nearest=True, fake_neighbors=False, tile_size=tile_size).nearest_real()
