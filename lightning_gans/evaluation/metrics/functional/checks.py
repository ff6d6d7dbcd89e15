"""What every metric asks of its features, with an error that says what to do."""

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError


def checked_features(name: str, features: Tensor) -> Tensor:
    """Features (N, D), detached, as float32 or float64, on a device that has float64; ``name`` is for the error.

    Raises:
        ConfigError: They are not a matrix, none, or not finite.

    Example:
        >>> checked_features("real", torch.tensor([[1, 2]])).dtype
        torch.float64
    """
    shape = tuple(features.shape)
    if features.ndim != 2 or shape[1] == 0:
        raise ConfigError(name, shape, "features are a matrix (samples, dimension); flatten each sample to one row")
    if shape[0] == 0:
        raise ConfigError(name, shape, "there are no samples")
    features = features.detach()
    if features.device.type == "mps":  # no float64 there
        features = features.cpu()
    if features.dtype not in (torch.float32, torch.float64):
        features = features.to(torch.float32 if features.is_floating_point() else torch.float64)
    if not bool(torch.isfinite(features.sum())):  # the sum of finite numbers may overflow, so look closer only then
        bad = int((~torch.isfinite(features)).any(1).sum())
        if bad:
            hint = f"{bad} samples have NaN or infinite features; look for them in the extractor"
            raise ConfigError(name, shape, hint)
    return features


def check_neighbors(k: int, name: str, count: int) -> None:
    """Refuse a number of neighbors that a set of ``count`` samples cannot have."""
    if not 1 <= k < count:
        hint = f"a sample has {count - 1} neighbors among {count} {name} samples; choose 1 <= k < N"
        raise ConfigError("k", k, hint)
