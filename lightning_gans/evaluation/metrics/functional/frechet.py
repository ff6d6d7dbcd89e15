"""Frechet distance of two Gaussians, and its limit for infinitely many fake samples."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.moments import covariance_sqrt, trace_sqrt_product
from lightning_gans.evaluation.metrics.functional.statistics import (
    FeaturesLike,
    FeatureStatistics,
    as_generated,
    as_reference,
)

NEGATIVE = 1e-6  # a distance below this, relative to the traces where they exceed 1, is no rounding error


def frechet_distance(real: FeaturesLike, fake: FeaturesLike) -> Tensor:
    """Squared Frechet distance of the Gaussians with the moments of real (N, D) and fake (M, D) features.

        |mu_1 - mu_2|^2 + Tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))

    with sample covariances (ddof = 1). Heusel et al. 2017, arXiv:1706.08500, eq. 6; on Inception-v3 features it is the
    FID. Computed from square roots of the covariances, never clamped: a float64 scalar on the CPU, 0 up to rounding
    for equal moments, unbounded above.

    Raises:
        ConfigError: If features are not finite matrices of one dimension with two samples at least.
        ArithmeticError: If the result is negative beyond rounding.

    Example:
        >>> real = torch.tensor([[0.0], [2.0]])  # mean 1, variance 2
        >>> frechet_distance(real, real + 3)
        tensor(9., dtype=torch.float64)
    """
    real = as_reference(real)
    fake = as_generated(fake, real)
    _check_counts(real, fake)
    other, other_is_sqrt = (fake.covariance_sqrt, True) if fake.is_low_rank else (fake.covariance, False)
    trace = trace_sqrt_product(real.covariance_sqrt, other, other_is_sqrt)
    return _assembled(real.mean - fake.mean, real.covariance_trace, fake.covariance_trace, trace)


def variance_ratio(real: FeaturesLike, fake: FeaturesLike) -> Tensor:
    """Trace of the covariance of fake features (M, D) over that of real ones (N, D): a float64 scalar on the CPU.

    That is the ratio of mean squared distances between pairs: 1 for samples that spread as the real ones do, 0 for a
    generator that repeats one image. It does not see where they lie.

    Raises:
        ConfigError: As for ``frechet_distance``.

    Example:
        >>> variance_ratio(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [6.0]]))  # 1/2 over 2
        tensor(0.2500, dtype=torch.float64)
    """
    real = as_reference(real)
    fake = as_generated(fake, real)
    _check_counts(real, fake)
    return (fake.covariance_trace / real.covariance_trace).cpu()


def frechet_distance_from_moments(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """Squared Frechet distance of two Gaussians, as ``frechet_distance``, from means (D,) and covariances (D, D).

    Raises:
        ConfigError: If shapes do not fit or a value is not finite.
        ArithmeticError: If the result is negative beyond rounding.

    Example:
        >>> zero, one = torch.zeros(2), torch.eye(2)
        >>> frechet_distance_from_moments(zero, one, zero + 1, 4 * one)  # 2 + 2 (1 + 4 - 2 * 2)
        tensor(4., dtype=torch.float64)
    """
    moments = {"mean1": mean1, "cov1": cov1, "mean2": mean2, "cov2": cov2}
    dim = mean1.numel()
    for name, value in moments.items():
        shape = (dim,) if name.startswith("mean") else (dim, dim)
        if tuple(value.shape) != shape:
            raise ConfigError(name, tuple(value.shape), f"must have shape {shape}, as mean1 has {dim} entries")
        if not bool(torch.isfinite(value).all()):
            raise ConfigError(name, shape, "has NaN or infinite entries")
    mean1, cov1, mean2, cov2 = (value.detach().cpu().double() for value in moments.values())
    trace = trace_sqrt_product(covariance_sqrt(cov1), cov2, other_is_sqrt=False)
    return _assembled(mean1 - mean2, cov1.trace(), cov2.trace(), trace)


def _check_counts(*sets: FeatureStatistics) -> None:
    for samples in sets:
        if len(samples) < 2:
            raise ConfigError(samples.name, tuple(samples.features.shape), "a covariance needs at least two samples")


def _assembled(difference: Tensor, trace1: Tensor, trace2: Tensor, trace_sqrt: Tensor) -> Tensor:
    distance = (difference.square().sum() + trace1 + trace2 - 2 * trace_sqrt).cpu()
    if float(distance) < -NEGATIVE * max(1.0, float(trace1 + trace2)):
        raise ArithmeticError(f"the Frechet distance came out as {float(distance)}; are the covariances semi-definite?")
    return distance


class FrechetInfinity(NamedTuple):
    """The Frechet distance for infinitely many fakes, and the standard error of that estimate (float64 scalars)."""

    value: Tensor
    standard_error: Tensor


def frechet_distance_infinity(
    real: FeaturesLike, fake: Tensor, points: int = 15, smallest: int | None = None, seed: int = 0
) -> FrechetInfinity:
    """Frechet distance extrapolated to infinitely many fakes, which removes the bias of a finite number of them.

    The distance of M fakes exceeds its limit by about c / M. A line through the distances of random subsets of the
    fakes against 1 / M meets 1 / M = 0 at the limit: Chong and Forsyth 2020, arXiv:1911.07023, section 4. The bias of a
    finite number of real samples stays. The standard error is that of ordinary least squares; subsets overlap, so
    that the true error is somewhat larger. There are ``points`` subset sizes, evenly spaced from ``smallest`` (by
    default the larger of M / 10 and 2) to M, chosen by the seed; the global generators are not used.

    Raises:
        ConfigError: As ``frechet_distance``; or if there are fewer than three points.

    Example:
        >>> x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        >>> value, error = frechet_distance_infinity(x, x + torch.tensor([2.0, 0.0]))
        >>> bool(abs(value - 4) < 0.2)
        True
    """
    if points < 3:
        raise ConfigError("points", points, "a line with a standard error needs at least three subset sizes")
    real = as_reference(real)
    count = len(fake)
    smallest = max(2, count // 10) if smallest is None else smallest
    if not 2 <= smallest < count:
        raise ConfigError("smallest", smallest, f"must be at least 2 and below the number of fakes, {count}")
    random = np.random.RandomState(seed)
    sizes = np.linspace(smallest, count, points).round().astype(int)
    subsets = [torch.from_numpy(random.choice(count, size, replace=False)) for size in sizes]
    distances = torch.stack([frechet_distance(real, fake[subset.to(fake.device)]) for subset in subsets])
    inverse = torch.from_numpy(1.0 / sizes)
    centered = inverse - inverse.mean()
    slope = (centered * distances).sum() / centered.square().sum()
    value = distances.mean() - slope * inverse.mean()
    residual = distances - value - slope * inverse
    variance = residual.square().sum() / (points - 2)
    error = (variance * (1 / points + inverse.mean().square() / centered.square().sum())).sqrt()
    return FrechetInfinity(value, error)
