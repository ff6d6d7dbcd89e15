"""One Gaussian fitted to any density on the line, by any f-divergence: which modes a divergence covers or drops."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.objectives.divergences import Divergence, Gaussian, divergence_on_grid

_STEPS = 200  # of L-BFGS at most, which needs some tens


class GaussianFit(NamedTuple):
    """The best Gaussian, and its divergence in nats."""

    gaussian: Gaussian
    divergence: float


def fit_gaussian(
    divergence: Divergence, log_density: Callable[[Tensor], Tensor], x: Tensor, starts: Sequence[Gaussian]
) -> GaussianFit:
    """``min over q of D_f(P || Q)``, q normal: the lowest minimum that is found from some starts.

    KL covers all of P, with its mean and variance; reverse KL keeps to what one mode explains (Minka 2005,
    MSR-TR-2005-173, section 3.1).

    Args:
        divergence: D_f, finite near the starts.
        log_density: log p, from points (R,) to (R,).
        x: Ascending points, float64 (R,), that hold all of P and Q.
        starts: Where the searches begin.

    Example:
        >>> p = Gaussian(1.0, 2.0)
        >>> from lightning_gans.objectives import KL
        >>> fit = fit_gaussian(KL(), p.log_density, torch.linspace(-20, 20, 2001).double(), [Gaussian(0.0, 1.0)])
        >>> round(fit.gaussian.mean, 4), round(fit.gaussian.std, 4)
        (1.0, 2.0)
    """
    log_p = log_density(x).detach()
    return min((_from(start, divergence, x, log_p) for start in starts), key=lambda fit: fit.divergence)


def _from(start: Gaussian, divergence: Divergence, x: Tensor, log_p: Tensor) -> GaussianFit:
    mean, log_std = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (start.mean, math.log(start.std))
    )
    optimizer = torch.optim.LBFGS([mean, log_std], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def value() -> Tensor:
        optimizer.zero_grad()
        log_q = torch.distributions.Normal(mean, log_std.exp()).log_prob(x)
        found = divergence_on_grid(divergence, x, log_p, log_q)
        found.backward()
        return found.detach()

    with torch.enable_grad():
        optimizer.step(value)
        last = float(value())
    return GaussianFit(Gaussian(mean.item(), log_std.exp().item()), last)
