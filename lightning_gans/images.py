"""The border between images as networks see them and images as files hold them."""

import torch
from torch import Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Convert float images in [-1, 1] to uint8 in [0, 255]: rounded, values outside clamped.

    Args:
        images: Floating-point images of any shape, values in [-1, 1].

    Returns:
        A uint8 tensor of the same shape.

    Example:
        >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0, 1.5]))
        tensor([  0, 128, 255, 255], dtype=torch.uint8)
    """
    return images.float().add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Convert uint8 images in [0, 255] to float32 in [-1, 1]; the exact inverse of ``to_uint8``.

    Args:
        images: uint8 images of any shape.

    Returns:
        A float32 tensor of the same shape, values in [-1, 1].

    Example:
        >>> levels = torch.arange(256, dtype=torch.uint8)
        >>> torch.equal(to_uint8(from_uint8(levels)), levels)
        True
    """
    return images.float().div(127.5).sub(1)
