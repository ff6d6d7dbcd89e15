"""How far images move for a small step between latents."""

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError


def perceptual_path_length(distances: Tensor, epsilon: float, discard: float = 0.01) -> Tensor:
    """Mean of d(G(l(t)), G(l(t + epsilon))) / epsilon^2 over paths l between two latents: a scalar, float64.

    Karras et al. 2019, arXiv:1812.04948, section 4.1, where d is quadratic in the difference of images. As in the
    authors' code a share of the paths is left out on either side, those above the quantile that lies just below it
    and under the one just above, so that a few jumps do not decide.

    Args:
        distances: d of each path (N,).
        epsilon: The step, as a share of the path.
        discard: Share of the paths on each side.

    Raises:
        ConfigError: There is no path, or half of them or more were to be left out on each side.

    Example:
        >>> perceptual_path_length(torch.tensor([0.0, 1.0, 2.0, 30.0]), epsilon=0.1, discard=0.4)
        tensor(150.0000, dtype=torch.float64)
    """
    if distances.ndim != 1 or len(distances) == 0:
        raise ConfigError("distances", tuple(distances.shape), "one for each of one path or more is needed: (N,)")
    if not 0 <= discard < 0.5:
        raise ConfigError("discard", discard, "is a share of the paths on each side: 0 or more, below 0.5")
    lengths = distances.cpu().double() / epsilon**2
    low = torch.quantile(lengths, discard, interpolation="lower")
    high = torch.quantile(lengths, 1 - discard, interpolation="higher")
    return lengths[(lengths >= low) & (lengths <= high)].mean()
