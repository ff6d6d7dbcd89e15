"""Means and covariances in float64, and the trace of the square root of a product of two covariances."""

import torch
from torch import Tensor

CHUNK = 2**20  # elements converted to float64 at a time: 8 MiB, which stays in the cache
TOLERANCE = 1e-10  # accepted error of the trace of a square root, relative to the larger trace


def chunks(rows: int, dim: int, size: int = CHUNK) -> list[slice]:
    """Slices over the rows of a matrix, each of at most ``size`` elements."""
    step = max(1, size // dim)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def feature_mean(features: Tensor) -> Tensor:
    """Mean of the rows of ``features`` (N, D), in float64 whatever their type."""
    first = features[0].double()  # subtracted, so that a common offset costs no digits
    total = torch.zeros_like(first)
    for rows in chunks(*features.shape):
        total += (features[rows].double() - first).sum(0)
    return first + total / len(features)


def feature_covariance(features: Tensor, mean: Tensor) -> Tensor:
    """Sample covariance (D, D), ddof = 1, in float64, of features (N, D) with that mean (D,).

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> feature_covariance(x, feature_mean(x))
        tensor([[2.]], dtype=torch.float64)
    """
    dim = len(mean)
    scatter = mean.new_zeros(dim, dim)
    edges = [slice(start, min(start + 512, dim)) for start in range(0, dim, 512)]
    for rows in chunks(*features.shape):
        centered = (features[rows].double() - mean).T.contiguous()  # (D, n)
        for edge in edges:  # the blocks on and above the diagonal: half the work
            scatter[edge, edge.start :].addmm_(centered[edge], centered[edge.start :].T)
    return (scatter.triu() + scatter.triu(1).T) / (len(features) - 1)


def covariance_sqrt(covariance: Tensor) -> Tensor:
    """``R`` (r, D) with ``R' R`` = covariance (D, D), one row for each of r eigenvalues that are not rounding error.

    Example:
        >>> covariance_sqrt(torch.tensor([[4.0, 0.0], [0.0, 0.0]], dtype=torch.float64)).abs()
        tensor([[2., 0.]], dtype=torch.float64)
    """
    scale = covariance.diagonal().clamp_min(0).sqrt()  # of correlations, so that no unit decides what is rounding error
    scale = torch.where(scale > 0, scale, 1)
    values, vectors = torch.linalg.eigh(covariance / scale / scale[:, None])
    keep = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
    sqrt: Tensor = values[keep].sqrt()[:, None] * vectors[:, keep].T * scale
    return sqrt


def sample_covariance_sqrt(features: Tensor, mean: Tensor) -> Tensor:
    """``R`` (N - 1, D) with ``R' R`` = sample covariance of features (N, D), for N no more than D.

    The N centered samples sum to zero, so a reflection that maps (1, ..., 1) to an axis turns one row to zero; that
    row is left out, which spares a singular value that is nothing but rounding error.
    """
    count = len(features)
    centered = features.double() - mean
    normal = torch.full((count, 1), count**-0.5, dtype=torch.float64, device=mean.device)
    normal[0] += 1.0
    normal /= normal.norm()
    reflected = centered - 2 * normal * (normal.T @ centered)
    sqrt: Tensor = reflected[1:] * (count - 1) ** -0.5
    return sqrt


def trace_sqrt_product(sqrt: Tensor, other: Tensor, other_is_sqrt: bool) -> Tensor:
    r"""``Tr (S1 S2)^{1/2}``, the sum of the singular values of ``R1 R2'`` where ``S = R' R``.

    Given R1 (r, D) and, as ``other``, R2 (s, D) or S2 (D, D). The singular values are the roots of the eigenvalues of
    ``R1 S2 R1'``, which take a tenth of the time but lose half the digits of the small ones. The loss is bounded by
    eps |S| / (2 sqrt(eigenvalue)) each; where the sum of these bounds is not negligible, the singular values are
    computed.
    """
    if other_is_sqrt:
        product = sqrt @ other.T  # (r, s)
        gram = product @ product.T if len(sqrt) <= len(other) else product.T @ product
    else:
        gram = sqrt @ other @ sqrt.T
    if 0 in gram.shape:
        return gram.new_zeros(())
    values: Tensor = torch.linalg.eigvalsh((gram + gram.T) / 2).clamp_min(0)
    error = 4 * torch.finfo(values.dtype).eps * values[-1]
    bound = torch.minimum(error / (2 * values.sqrt()).clamp_min(1e-300), error.sqrt()).sum()
    if bound <= TOLERANCE * values.sqrt().sum():
        return values.sqrt().sum()
    other_sqrt = other if other_is_sqrt else covariance_sqrt(other)
    singular: Tensor = torch.linalg.svdvals(sqrt @ other_sqrt.T)
    return singular.sum()
