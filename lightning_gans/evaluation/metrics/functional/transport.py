"""Optimal transport between two sets of as many points, exactly: Wasserstein-1, its coupling and its critic."""

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


class OptimalCritic:
    """A function with slope 1 that reaches Wasserstein-1 of two samples: what a WGAN's critic is to become.

        f(x) = max_i f(x_i) - |x - x_i|,    mean_i f(x_i) - mean_j f(y_j) = W1

    (Kantorovich and Rubinstein 1958; arXiv:1701.07875, eq. 2). From a generated point to its partner it rises with
    slope 1: there its gradient is the unit vector to the partner (Gulrajani et al. 2017, arXiv:1704.00028,
    proposition 1). Of the many solutions this is one where no other real point pulls as much, unless there are ties.

    Args:
        real: Points (N, D).
        fake: Points (N, D).

    Raises:
        ConfigError: As of ``optimal_transport``; more than 200 points in one dimension too.

    Example:
        >>> critic = OptimalCritic(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        >>> critic(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([ 0., -5.], dtype=torch.float64)
    """

    def __init__(self, real: Tensor, fake: Tensor) -> None:
        if len(real) > MOST_ASSIGNED:
            raise ConfigError("real", tuple(real.shape), f"exact transport is for {MOST_ASSIGNED} points at most")
        partner = optimal_transport(real, fake).partner
        self.real = real.double().cpu()[partner]  # in the order of their generated points
        cost = _distances(fake.double().cpu(), self.real)
        # f(x_j) = f(y_j) + cost_jj, so slope 1 is f(y_k) <= f(y_j) + cost_jk - cost_kk: the lengths of shortest paths
        # from any j are such f(y_k), and their mean over all j touches no bound that it need not.
        paths = cost - cost.diagonal()
        for middle in range(len(paths)):
            paths = torch.minimum(paths, paths[:, middle, None] + paths[middle])
        values = paths.mean(0) + cost.diagonal()
        self.values = values - values.max()

    def __call__(self, points: Tensor) -> Tensor:
        """Values at points (M, D): (M,), float64, at most 0."""
        return (self.values - _distances(points.double().cpu(), self.real)).amax(1)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M), each to its last digit."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
