"""Optimal transport between two sets of as many points, exactly: Wasserstein-1, its coupling, its critic."""

from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.statistics import checked_features

MOST_ASSIGNED = 200  # points of more than one dimension: an assignment takes cubic time


class Transport(NamedTuple):
    """The cheapest way to move generated points to the real ones."""

    distance: Tensor
    """Mean length of a way: Wasserstein-1, a float64 scalar."""
    partner: Tensor
    """Which real point each generated one goes to: int64 (N,), a permutation."""


def optimal_transport(real: Tensor, fake: Tensor) -> Transport:
    """``min over permutations s of 1/N sum_j |y_j - x_s(j)|``: Wasserstein-1 between samples (N, D), with its coupling.

    In one dimension the j-th smallest goes to the j-th smallest; else an assignment (Kuhn 1955; Crouse 2016), of at
    most 200 points. The distance of samples is above that of their distributions, and not 0 for two samples of one:
    compare with what two real samples score.

    Raises:
        ConfigError: Samples are unfit, differ in number or dimension, or are more than can be assigned.

    Example:
        >>> optimal_transport(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        Transport(distance=tensor(2., dtype=torch.float64), partner=tensor([1, 0]))
    """
    real, fake = (checked_features(name, part).double().cpu() for name, part in (("real", real), ("fake", fake)))
    if real.shape != fake.shape:
        raise ConfigError("fake", tuple(fake.shape), f"the real samples are {tuple(real.shape)}; compare as many")
    if real.shape[1] == 1:
        partner = torch.empty(len(real), dtype=torch.int64)
        partner[fake[:, 0].argsort(stable=True)] = real[:, 0].argsort(stable=True)
    else:
        if len(real) > MOST_ASSIGNED:
            raise ConfigError("real", tuple(real.shape), f"exact transport is for {MOST_ASSIGNED} points at most")
        _, columns = linear_sum_assignment(_distances(fake, real).numpy())
        partner = torch.from_numpy(columns).long()
    return Transport((fake - real[partner]).norm(dim=1).mean(), partner)


def wasserstein_1(real: Tensor, fake: Tensor) -> Tensor:
    """The distance of ``optimal_transport``, a float64 scalar.

    Example:
        >>> wasserstein_1(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[7.0], [0.0], [2.0]]))  # (0 + 1 + 2) / 3
        tensor(1., dtype=torch.float64)
    """
    return optimal_transport(real, fake).distance


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M), each to its last digit."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
