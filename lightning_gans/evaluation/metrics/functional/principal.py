"""What of images lies outside the principal components of others."""

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError


class PrincipalComponents(NamedTuple):
    """The first directions in which samples vary most, through their mean: float64 on the CPU."""

    mean: Tensor
    """(D,)"""
    directions: Tensor
    """Orthonormal columns (D, K)."""


def principal_components(samples: Tensor, num_components: int) -> PrincipalComponents:
    """Those of samples (N, D): the eigenvectors of their covariance with the K largest eigenvalues.

    The smaller of the matrices (N, N) and (D, D) is decomposed.

    Raises:
        ConfigError: There are no more samples, or dimensions, than components.
    """
    least = min(len(samples) - 1, samples.shape[1])
    if not 1 <= num_components <= least:
        raise ConfigError("num_components", num_components, f"samples {tuple(samples.shape)} have 1 to {least}")
    rows = samples.cpu().double()
    mean = rows.mean(0)
    centered = rows - mean  # (N, D)
    if len(rows) < rows.shape[1]:
        vectors = torch.linalg.eigh(centered @ centered.T).eigenvectors[:, -num_components:]
        directions = torch.linalg.qr(centered.T @ vectors).Q  # orthonormal also where samples span fewer dimensions
    else:
        directions = torch.linalg.eigh(centered.T @ centered).eigenvectors[:, -num_components:]
    return PrincipalComponents(mean, directions)


def residual_energy(samples: Tensor, components: PrincipalComponents) -> Tensor:
    """Share of the energy of samples (N, D) outside principal components: a scalar in [0, 1], float64.

    With the mean m and the orthonormal directions V of others, over all samples x

        sum |(I - V V^T) (x - m)|^2 / sum |x - m|^2

    that is the unexplained share of the variance (Jolliffe 2002, Principal Component Analysis, section 6.1). Not a
    number where all samples equal the mean.

    Example:
        >>> line = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
        >>> residual_energy(torch.tensor([[4.0, 3.0], [1.0, 1.0]]), principal_components(line, 1))  # 9 + 1 of 18 + 1
        tensor(0.5263, dtype=torch.float64)
    """
    total = inside = torch.zeros((), dtype=torch.float64)
    for part in samples.cpu().split(1024):
        centered = part.double() - components.mean
        total, inside = total + centered.square().sum(), inside + (centered @ components.directions).square().sum()
    return ((total - inside) / total).clamp(min=0)  # below 0 by rounding alone
