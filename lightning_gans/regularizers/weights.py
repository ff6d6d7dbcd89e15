"""Constraints on weights."""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_weights_(parameters: Iterable[Tensor], bound: float) -> None:
    """Clamp every weight to [-bound, bound], in place: w <- clip(w, -c, c).

    Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1, line 7: keeps the critic in a compact set, hence K-Lipschitz
    for some K.

    Args:
        parameters: Tensors of any shape.
        bound: c, positive.

    Example:
        >>> w = torch.tensor([-0.5, 0.003, 0.2])
        >>> clip_weights_([w], 0.01)
        >>> w
        tensor([-0.0100,  0.0030,  0.0100])
    """
    tensors = list(parameters)
    torch._foreach_clamp_min_(tensors, -bound)
    torch._foreach_clamp_max_(tensors, bound)
