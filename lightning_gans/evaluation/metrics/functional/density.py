"""Densities of points: the likelihood under a known mixture, and divergences of two samples on a lattice."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.moments import chunks
from lightning_gans.evaluation.metrics.functional.statistics import checked_features


def gaussian_mixture_log_density(points: Tensor, means: Tensor, std: float) -> Tensor:
    r"""``log 1/K sum_k N(x; m_k, s^2 I)`` at points (N, d), in nats: float64 (N,), exact also where it underflows.

    Means are (K, d). With training points as means it is the density of a model that memorizes: as the deviation s goes
    to 0 it grows without bound at those, and falls without bound at all others.

    Example:
        >>> gaussian_mixture_log_density(torch.zeros(1, 2), torch.zeros(1, 2), std=1.0)  # -log(2 pi)
        tensor([-1.8379], dtype=torch.float64)
    """
    points, means = checked_features("points", points).double().cpu(), means.double().cpu()
    rows = chunks(len(points), means.numel())
    squared = torch.cat([(points[row, None] - means).square().sum(2).mul(-0.5 / std**2).logsumexp(1) for row in rows])
    return squared - math.log(len(means)) - means.shape[1] * math.log(std * math.sqrt(2 * math.pi))


def diluted_log_density(log_p: Tensor, log_noise: Tensor, share: float = 0.01) -> Tensor:
    """Log q of q = share p + (1 - share) noise, from both log densities (N,).

    Since q >= share p, log q >= log p - log(1 / share): a model of which 99% of samples are noise loses at most
    log 100 = 4.6 nats of likelihood, whatever the dimension (Theis et al. 2016, arXiv:1511.01844, section 3.2).

    Raises:
        ConfigError: The share is not between 0 and 1.

    Example:
        >>> diluted_log_density(torch.tensor([0.0]), torch.tensor([-torch.inf]))  # log(1 / 100)
        tensor([-4.6052])
    """
    if not 0 < share < 1:
        raise ConfigError("share", share, "is a share: between 0 and 1")
    return torch.logaddexp(log_p + math.log(share), log_noise + math.log1p(-share))


class LatticeDivergence(NamedTuple):
    """Divergences of real from generated samples, in nats (float64 scalars)."""

    kl: Tensor
    """KL(real || fake), at least 0."""
    js: Tensor
    """Jensen-Shannon, from 0 to log 2."""


def kl_js_on_lattice(
    real: Tensor, fake: Tensor, center: tuple[float, float], half: float, side: int = 20
) -> LatticeDivergence:
    """KL and JS of two samples of the plane, (N, 2) and (M, 2), by how many fall into each cell of a square.

    The square around ``center``, ``2 half`` wide, has ``side`` x ``side`` cells; one more is all that lies outside.
    JS is that of the shares. A cell without generated points would make KL infinite: for it one point is added to both,
    in equal parts to all cells (Perks 1947). Two samples of one distribution do not score 0, the farther from it the
    fewer points a cell has: compare with what two real samples score.

    Raises:
        ConfigError: Samples are unfit, or the square or the number of cells is not positive.

    Example:
        >>> left, right = torch.tensor([[-0.5, 0.0]] * 9), torch.tensor([[0.5, 0.0]] * 9)
        >>> kl_js_on_lattice(left, right, (0.0, 0.0), half=1.0, side=2).js  # nothing in common: log 2
        tensor(0.6931, dtype=torch.float64)
    """
    if not half > 0 or side < 1:
        raise ConfigError("half", half, f"the square needs a positive size, and one cell at least (side={side})")
    p, q = (_counts(name, points, center, half, side) for name, points in (("real", real), ("fake", fake)))
    smooth = [(counts + 1 / len(counts)) / (counts.sum() + 1) for counts in (p, q)]
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return LatticeDivergence(_kl(*smooth), (_kl(p, middle) + _kl(q, middle)) / 2)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    found = p > 0
    return (p[found] * (p[found] / q[found]).log()).sum()


def _counts(name: str, points: Tensor, center: tuple[float, float], half: float, side: int) -> Tensor:
    """Points in each cell, the last of which is what lies outside: float64, (side^2 + 1,)."""
    points = checked_features(name, points).double().cpu()
    if points.shape[1] != 2:
        raise ConfigError(name, tuple(points.shape), "a lattice is for points of the plane: (N, 2)")
    cell = ((points - torch.tensor(center, dtype=torch.float64) + half) * side / (2 * half)).floor()
    inside = ((cell >= 0) & (cell < side)).all(1)
    number = torch.where(inside, cell[:, 1] * side + cell[:, 0], side**2).long()
    return number.bincount(minlength=side**2 + 1).double()
