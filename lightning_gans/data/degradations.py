"""How a small image is made from a large one: bicubic shrinking, alone or among further degradations."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.data.datasets import Derivation
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8

SCALES = (2, 3, 4, 8)


class Shrink(Derivation):
    """``"source"`` from ``"image"``: smaller by a factor.

    Args:
        scale: The factor: 2, 3, 4 or 8.

    Raises:
        ConfigError: It is another one.
    """

    def __init__(self, scale: int) -> None:
        if scale not in SCALES:
            raise ConfigError("scale", scale, f"choose one of {', '.join(map(str, SCALES))}")
        self.scale = scale

    def __call__(self, images: Tensor, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """Images (N, C, H, W) and sources (N, C, H / scale, W / scale)."""
        return {"image": images, "source": shrink_bicubic(images, self.scale)}

    def fingerprint(self) -> str:
        """Factor and method."""
        return f"antialiased bicubic / {self.scale}, rounded"


def shrink_bicubic(images: Tensor, scale: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] on the CPU, smaller by a factor that divides H and W, at levels of 8 bits.

    Antialiased, and rounded between rows and columns too: as Pillow's ``resize`` with ``BICUBIC``, but for one level
    here and there.

    Example:
        >>> import torch
        >>> tuple(shrink_bicubic(torch.ones(1, 3, 8, 12), 4).shape)
        (1, 3, 2, 3)
    """
    size = [side // scale for side in images.shape[2:]]
    # In floats alone the result differs from Pillow by up to 10 levels beside edges, where the first pass overshoots.
    small = F.interpolate(to_uint8(images), size, mode="bicubic", antialias=True, align_corners=False)
    return from_uint8(small)
