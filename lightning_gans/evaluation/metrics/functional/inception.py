"""Inception Score."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.checks import checked_features


class InceptionScoreResult(NamedTuple):
    """Mean and standard deviation over the splits (float64 scalars)."""

    mean: Tensor
    std: Tensor


def inception_score(logits: Tensor, splits: int = 10, seed: int | None = 2020) -> InceptionScoreResult:
    r"""``exp E_x KL(p(y|x) || p(y))``, averaged over splits of the samples.

    Salimans et al. 2016, arXiv:1606.03498, section 4. The logits (N, C) of a classifier are shuffled by
    ``numpy.random.RandomState(seed)`` (None: not at all) and split at i N // splits, as torch-fidelity does. The mean
    is between 1 and C; the standard deviation over the splits has ddof = 0, so that it is 0 for one split.

    Raises:
        ConfigError: If the logits are not a finite matrix, or fewer than the splits.

    Example:
        >>> inception_score(20 * torch.eye(4), splits=1).mean  # four samples, sure of four classes
        tensor(4.0000, dtype=torch.float64)
    """
    if splits < 1:
        raise ConfigError("splits", splits, "there must be one split at least")
    logits = checked_features("logits", logits).cpu().double()
    count = len(logits)
    if count < splits:
        raise ConfigError("splits", splits, f"there are only {count} samples; use fewer splits")
    if seed is not None:
        logits = logits[torch.from_numpy(np.random.RandomState(seed).permutation(count))]
    log_p = logits.log_softmax(1)
    bounds = [i * count // splits for i in range(splits + 1)]
    scores = torch.stack([_score(log_p[start:stop]) for start, stop in pairwise(bounds)])
    return InceptionScoreResult(scores.mean(), scores.std(correction=0))


def _score(log_p: Tensor) -> Tensor:
    """``exp`` of the mean divergence from the marginal, of log probabilities (n, C)."""
    marginal = torch.logsumexp(log_p, 0) - np.log(len(log_p))  # log p(y), finite also where p underflows
    divergence: Tensor = (log_p.exp() * (log_p - marginal)).sum(1)
    return divergence.mean().exp()
