"""The border between images as networks see them and images as files hold them."""

import torch
from torch import Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Float images in [-1, 1], of any shape, as uint8 in [0, 255]: rounded, values outside clamped.

    Example:
        >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0, 1.5]))
        tensor([  0, 128, 255, 255], dtype=torch.uint8)
    """
    return images.float().add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Images in [0, 255], uint8 of any shape, as float32 in [-1, 1]; the exact inverse of ``to_uint8``.

    Example:
        >>> levels = torch.arange(256, dtype=torch.uint8)
        >>> torch.equal(to_uint8(from_uint8(levels)), levels)
        True
    """
    return images.float().div(127.5).sub(1)
