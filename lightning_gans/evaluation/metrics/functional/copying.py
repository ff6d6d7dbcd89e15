"""Whether generated samples are copies of those of the training: nearer to them than samples that are held out."""

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.evaluation.metrics.functional.neighbors import KNearest
from lightning_gans.evaluation.metrics.functional.statistics import (
    FeaturesLike,
    as_generated,
    as_reference,
    check_neighbors,
)
from lightning_gans.evaluation.metrics.functional.tiles import for_each_tile, work_dtype


def nearest_samples(train: FeaturesLike, fake: FeaturesLike, k: int = 3) -> tuple[Tensor, Tensor]:
    """Distances of each fake (M, D) to its k nearest *training* samples (N, D), and which ones, nearest first: (M, k).

    Raises:
        ConfigError: If features are unfit, or k is not below N.

    Example:
        >>> nearest_samples(torch.tensor([[0.0], [4.0], [6.0]]), torch.tensor([[3.0]]), k=2)
        (tensor([[1., 3.]], dtype=torch.float64), tensor([[1, 0]]))
    """
    train = as_reference(train)
    fake = as_generated(fake, train)
    check_neighbors(k, train.name, len(train))
    dtype = work_dtype(train.features.device)
    x, y = train.points(dtype), fake.points(dtype)
    found = KNearest(y, x, k)
    for_each_tile(x, y, [found], train.tile_size)
    squared, index = found.result()
    return squared.sqrt().cpu(), index.cpu()


def nearest_real_distance(real: FeaturesLike, fake: FeaturesLike) -> tuple[Tensor, Tensor]:
    """Distance of each fake to the nearest *training* sample, float64 (M,), and which one that is, int64 (M,).

    Raises:
        ConfigError: If features are unfit, or there is only one real sample.

    Example:
        >>> nearest_real_distance(torch.tensor([[0.0], [4.0]]), torch.tensor([[3.0]]))
        (tensor([1.], dtype=torch.float64), tensor([1]))
    """
    distances, index = nearest_samples(real, fake, 1)
    return distances[:, 0], index[:, 0]


class CopyingTest(NamedTuple):
    """How many samples are near copies, and the probability of ranks at least as low if none were (float64 scalars)."""

    near_copies: Tensor
    p_value: Tensor


def copying_test(distances: Tensor, held_out: Tensor) -> CopyingTest:
    r"""Compare the distances of generated samples (M,) and of held-out ones (H,) to their nearest *training* samples.

    ``near_copies`` is the share of generated samples that are nearer than nine of ten held-out ones: 0.1 is expected of
    a generator that has learned, and more where some samples are copies, whatever the others are. The p-value is that
    of Meehan et al. 2020, arXiv:2004.05675, section 3.1: the rank-sum statistic of Mann and Whitney (1947), normal for
    more than about ten samples, corrected for ties. Near 0, generated samples are nearer as a whole; near 1 they are
    farther, as bad ones are too.

    Example:
        >>> near_copies, p_value = copying_test(torch.arange(20.0), torch.arange(20.0) + 8)
        >>> float(near_copies), round(float(p_value), 4)
        (0.5, 0.0003)
    """
    fake, held_out = (each.double().cpu().contiguous() for each in (distances, held_out))
    n, m = len(fake), len(held_out)
    ordered = held_out.sort().values
    below, up_to = (torch.searchsorted(ordered, fake, right=right) for right in (False, True))
    nearer = (m - (below + up_to).double() / 2).sum()  # pairs in which the generated one is nearer; ties count half
    ties = torch.cat([fake, held_out]).unique(return_counts=True)[1].double()
    total = n + m
    variance = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    z = (nearer - n * m / 2) / variance.sqrt() if variance > 0 else torch.zeros(())
    share = (fake < held_out.quantile(0.1)).double().mean()
    return CopyingTest(share, torch.special.ndtr(-z.double()))
