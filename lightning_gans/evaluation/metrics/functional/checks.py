"""What every metric asks of its features, with an error that says what to do."""

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError


def checked_features(name: str, features: Tensor, least: int = 1) -> Tensor:
    """The features, detached, in a floating type of at least float32, on a device that has float64.

    Args:
        name: What the user calls them, for the error (``"real"``).
        features: Feature vectors, shape (N, D).
        least: The smallest N that will do.

    Returns:
        Features, shape (N, D), float32 or float64.

    Raises:
        ConfigError: If they are not a matrix, too few, or not finite.

    Example:
        >>> checked_features("real", torch.tensor([[1, 2]])).dtype
        torch.float64
    """
    shape = tuple(features.shape)
    if features.ndim != 2 or shape[1] == 0:
        raise ConfigError(name, shape, "features are a matrix (samples, dimension); flatten each sample to one row")
    if shape[0] < least:
        raise ConfigError(name, shape, f"the metric needs at least {least} samples; give more, or lower k")
    features = features.detach()
    if features.device.type == "mps":  # no float64 there
        features = features.cpu()
    if features.dtype not in (torch.float32, torch.float64):
        features = features.to(torch.float32 if features.is_floating_point() else torch.float64)
    if not bool(torch.isfinite(features.sum())):  # the sum of finite numbers may overflow, so look closer only then
        bad = int((~torch.isfinite(features)).any(1).sum())
        if bad:
            raise ConfigError(
                name, shape, f"{bad} samples have NaN or infinite features; look for them in the extractor"
            )
    return features


def check_neighbors(k: int, **counts: int) -> None:
    """Refuse a number of neighbors that some set cannot have.

    Args:
        k: Number of neighbors.
        counts: Number of samples of each set, by name.

    Raises:
        ConfigError: If k is not between 1 and N - 1.
    """
    for name, count in counts.items():
        if not 1 <= k < count:
            raise ConfigError(
                "k", k, f"a sample has {count - 1} neighbors among {count} {name} samples; choose 1 <= k < N"
            )
