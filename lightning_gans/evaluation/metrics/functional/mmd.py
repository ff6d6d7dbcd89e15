"""Maximum mean discrepancy: the estimate, its subset average (classic KID) and a permutation test."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.pairwise import PairwisePass
from lightning_gans.evaluation.metrics.functional.statistics import (
    FeaturesLike,
    FeatureStatistics,
    MeanAndStd,
    as_generated,
    as_reference,
)
from lightning_gans.evaluation.metrics.functional.tiles import Points, Tile, for_each_tile, kernel_tile
from lightning_gans.objectives.kernels import Kernel, PolynomialKernel

KID_KERNEL = PolynomialKernel()


def maximum_mean_discrepancy(
    real: FeaturesLike, fake: FeaturesLike, kernel: Kernel = KID_KERNEL, biased: bool = False
) -> Tensor:
    """Squared maximum mean discrepancy of real (N, D) and fake (M, D) features, by the U-statistic over all samples.

        1/(N(N-1)) sum_{i != j} k(x_i, x_j) + 1/(M(M-1)) sum_{i != j} k(y_i, y_j) - 2/(NM) sum_{i,j} k(x_i, y_j)

    Gretton et al. 2012, JMLR 13, eq. 3; it may be negative. ``biased`` is the V-statistic, eq. 5, with the pairs of a
    sample with itself, which is not. With the polynomial kernel ``(x.y / D + 1)^3``, the default, on Inception-v3
    features it is the KID (Binkowski et al. 2018, arXiv:1801.01401), over all samples at once. A float64 scalar.

    Raises:
        ConfigError: If features are unfit, or there is only one real or fake sample.

    Example:
        >>> from lightning_gans.objectives.kernels import LinearKernel
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> maximum_mean_discrepancy(x, x + 3, LinearKernel(), biased=True)  # the squared distance of the means
        tensor(9., dtype=torch.float64)
    """
    return PairwisePass(real, fake, kernels=(kernel,)).maximum_mean_discrepancy(kernel, biased)


def maximum_mean_discrepancy_subsets(
    real: Tensor,
    fake: Tensor,
    kernel: Kernel = KID_KERNEL,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
) -> MeanAndStd:
    """MMD^2 averaged over random subsets: the KID as first published and as torch-fidelity computes it.

    Binkowski et al. 2018, arXiv:1801.01401, section 4. Each of the ``subsets`` takes ``subset_size`` real samples of
    (N, D) and as many fakes of (M, D): those of torch-fidelity for the same seed; the global generators are not used.

    Raises:
        ConfigError: If features are unfit, or a subset is larger than either set.

    Example:
        >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(maximum_mean_discrepancy_subsets(x, x + 5, subsets=3, subset_size=20).mean > 1)
        True
    """
    smaller = min(len(real), len(fake))
    if not 2 <= subset_size <= smaller:
        raise ConfigError("subset_size", subset_size, f"must be between 2 and {smaller}, the size of the smaller set")
    if subsets < 1:
        raise ConfigError("subsets", subsets, "there must be one subset at least")
    random = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        fakes = torch.from_numpy(random.choice(len(fake), subset_size, replace=False)).to(fake.device)
        reals = torch.from_numpy(random.choice(len(real), subset_size, replace=False)).to(real.device)
        values.append(maximum_mean_discrepancy(real[reals], fake[fakes], kernel))
    stacked = torch.stack(values)
    return MeanAndStd(stacked.mean(), stacked.std(correction=0))


class PermutationTest(NamedTuple):
    """MMD^2 (unbiased) and the probability of one at least as large if real and fake samples had one distribution."""

    squared: Tensor
    p_value: Tensor


class _LabelledSums:
    """Visitor for ``Z' K Z`` and ``K 1`` of a kernel matrix K without its diagonal, for many labellings Z at once."""

    def __init__(self, kernel: Kernel, labels: Tensor) -> None:
        self.kernel, self.labels = kernel, labels  # (N + M, P), 1 where the sample is called real
        self.quadratic = labels.new_zeros(labels.shape[1])
        self.rows = labels.new_zeros(len(labels))

    def visit(self, tile: Tile) -> None:
        matrix = kernel_tile(self.kernel, tile)
        if tile.on_diagonal:
            matrix = matrix.clone().fill_diagonal_(0)
        else:
            self.rows[tile.cols] += matrix.sum(0)
        self.rows[tile.rows] += matrix.sum(1)
        part = (self.labels[tile.rows] * (matrix @ self.labels[tile.cols])).sum(0)
        self.quadratic += part * (1 if tile.on_diagonal else 2)


def check_pairs(*samples: FeatureStatistics) -> None:
    """Refuse a set of samples without a pair."""
    for each in samples:
        if len(each) < 2:
            raise ConfigError(each.name, len(each), "two samples of each kind are needed")


def permuted_labels(real: FeatureStatistics, fake: FeatureStatistics, permutations: int, seed: int) -> Tensor:
    """1 where a sample is called real, else 0, float64 (N + M, 1 + permutations); the first column is the truth.

    Raises:
        ConfigError: There is no permutation, or only one real or fake sample.
    """
    if permutations < 1:
        raise ConfigError("permutations", permutations, "there must be one permutation at least")
    check_pairs(real, fake)
    random, count = np.random.RandomState(seed), len(real) + len(fake)
    orders = np.stack([np.arange(count), *(random.permutation(count) for _ in range(permutations))])
    labels = torch.zeros(count, permutations + 1, dtype=torch.float64)
    return labels.scatter_(0, torch.from_numpy(orders[:, : len(real)].T.copy()), 1.0)


def mmd_permutation_test(
    real: FeaturesLike, fake: FeaturesLike, kernel: Kernel = KID_KERNEL, permutations: int = 500, seed: int = 0
) -> PermutationTest:
    """Test whether real (N, D) and fake (M, D) samples have one distribution, by exchanging their labels.

    Gretton et al. 2012, JMLR 13, section 4; p = (1 + #{permuted >= observed}) / (1 + permutations), which is valid at
    every sample size (Phipson and Smyth 2010, arXiv:1603.05766). A kernel with parameters to fit is fitted to the
    pooled samples. The global generators are not used.

    Raises:
        ConfigError: If features are unfit, or there is only one real or fake sample.

    Example:
        >>> from lightning_gans.objectives.kernels import GaussianKernel
        >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> mmd_permutation_test(x, x + 2, GaussianKernel(1.0), permutations=99).p_value
        tensor(0.0100, dtype=torch.float64)
    """
    real = as_reference(real)
    fake = as_generated(fake, real)
    n, m = len(real), len(fake)
    labels = permuted_labels(real, fake, permutations, seed)
    pooled = torch.cat([real.features, fake.features])
    kernel = kernel.fit(pooled)
    points = Points(pooled, real.standardization, torch.float64)
    sums = _LabelledSums(kernel, labels.to(pooled.device))
    for_each_tile(points, points, [sums], real.tile_size)
    rows = sums.labels.T @ sums.rows  # (P + 1,)
    within_fake = sums.rows.sum() - 2 * rows + sums.quadratic
    across = rows - sums.quadratic
    values = (sums.quadratic / (n * (n - 1)) + within_fake / (m * (m - 1)) - 2 * across / (n * m)).cpu()
    p_value = (values >= values[0]).double().sum() / (permutations + 1)  # the truth counts itself
    return PermutationTest(values[0], p_value)
