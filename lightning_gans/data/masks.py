"""What of an image is missing."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError


class MaskRule(ABC):
    """Masks that a few uniform random numbers an image select."""

    num_uniforms = 0
    """How many of them."""

    @abstractmethod
    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """Masks (N, 1, height, width), float, 1 where something is missing, by numbers (N, num_uniforms) in [0, 1)."""

    def fingerprint(self) -> str:
        """What identifies it: its settings, unless a subclass knows better."""
        return f"{type(self).__name__}({vars(self)})"


class CenterMask(MaskRule):
    """The middle of every image, a rectangle of its shape.

    Args:
        share: Of height and width, rounded to pixels; one half as of Pathak et al. 2016, arXiv:1604.07379, section 3.3.

    Raises:
        ConfigError: It does not lie between 0 and 1.

    Example:
        >>> CenterMask()(torch.empty(1, 0), 4, 4)[0, 0]
        tensor([[0., 0., 0., 0.],
                [0., 1., 1., 0.],
                [0., 1., 1., 0.],
                [0., 0., 0., 0.]])
    """

    def __init__(self, share: float = 0.5) -> None:
        if not 0 < share < 1:
            raise ConfigError("share", share, "is a share of the image's sides, between 0 and 1")
        self.share = share

    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """The same for each."""
        mask = torch.zeros(len(uniform), 1, height, width)
        rows, columns = (max(1, round(self.share * side)) for side in (height, width))
        top, left = (height - rows) // 2, (width - columns) // 2
        mask[:, :, top : top + rows, left : left + columns] = 1
        return mask
