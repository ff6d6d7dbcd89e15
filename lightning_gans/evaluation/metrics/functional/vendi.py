"""Vendi score: the effective number of different samples."""

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.checks import checked_features
from lightning_gans.objectives.kernels import Kernel, LinearKernel

COSINE = LinearKernel()  # a linear kernel made to have k(x, x) = 1 is the cosine


def vendi_score(features: Tensor, kernel: Kernel = COSINE) -> Tensor:
    r"""``exp(-sum_i l_i log l_i)``, l the eigenvalues of K / N, where k(x, x) = 1.

    From 1 (all of N samples (N, D) alike) to N (all orthogonal). Friedman and Dieng 2023, arXiv:2210.02410, definition
    3.1. It needs no real samples, and tells of diversity alone, not of quality. Any kernel is scaled to
    ``k(x, y) / sqrt(k(x, x) k(y, y))``; others than the default, the cosine, need the whole matrix: 8 N^2 bytes.

    Raises:
        ConfigError: If features are unfit, or one has k(x, x) = 0.

    Example:
        >>> vendi_score(torch.eye(3))
        tensor(3.0000, dtype=torch.float64)
    """
    features = checked_features("features", features).double()
    kernel = kernel.fit(features)
    if isinstance(kernel, LinearKernel):  # the same eigenvalues from D x D when that is smaller
        norm = _positive(features.square().sum(1)).sqrt()
        unit = features / norm[:, None]
        gram = unit.T @ unit if len(unit) > unit.shape[1] else unit @ unit.T
    else:
        gram = kernel(features, features)
        norm = _positive(gram.diagonal()).sqrt()
        gram = gram / norm[:, None] / norm
    values = torch.linalg.eigvalsh(gram / len(features)).clamp_min(0)
    entropy: Tensor = -torch.special.xlogy(values, values).sum()
    return entropy.exp().cpu()


def _positive(own: Tensor) -> Tensor:
    if not bool((own > 0).all()):
        raise ConfigError("features", tuple(own.shape), "some have k(x, x) = 0, so no similarity; use another kernel")
    return own
