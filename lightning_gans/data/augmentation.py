"""Random changes of training images that a row's number decides, so that a resumed run sees the same ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_gans.augment.transform import Transform
from lightning_gans.engine.rng import fold_in


class RandomFlip(Transform):
    """Every other image mirrored left to right.

    Example:
        >>> RandomFlip()(torch.tensor([[[[1, 2]]], [[[1, 2]]]]), torch.tensor([[0.1], [0.9]])).flatten()
        tensor([2, 1, 1, 2])
    """

    num_uniforms = 1

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Mirror the images whose number lies below one half."""
        return torch.where(uniform[:, 0, None, None, None] < 0.5, images.flip(-1), images)


class RandomCrop(Transform):
    """A window at a random place of every image.

    Args:
        height: Of the window, in pixels.
        width: Likewise.

    Example:
        >>> RandomCrop(1, 1)(torch.arange(4).view(1, 1, 2, 2), torch.tensor([[0.9, 0.1]])).flatten()
        tensor([2])
    """

    num_uniforms = 2

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width

    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Cut the windows: the first number is the height, the second the place from left to right."""
        places = torch.tensor(images.shape[2:]) - torch.tensor([self.height, self.width]) + 1
        corner = (uniform * places).long()  # (N, 2)
        rows = corner[:, :1] + torch.arange(self.height)  # (N, height)
        columns = corner[:, 1:] + torch.arange(self.width)  # (N, width)
        each = torch.arange(len(images))[:, None, None]
        return images[each, :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def augmentation_noise(seed: int, stream: int, rows: Sequence[int], num_uniforms: int) -> Tensor:
    """Float64 (N, num_uniforms) in [0, 1), N rows of an endless table: those of a row depend on (seed, stream, row).

    SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195, figure 19) of the place in the table: a generator
    for each row would cost as much as decoding a small image.

    Example:
        >>> table = augmentation_noise(0, 0, range(1000), 3)
        >>> torch.equal(augmentation_noise(0, 0, [7, 5], 3), table[[7, 5]])
        True
    """
    columns = np.arange(1, num_uniforms + 1, dtype=np.uint64)
    place = np.asarray(rows, dtype=np.uint64)[:, None] * np.uint64(num_uniforms) + columns
    state: npt.NDArray[Any] = np.uint64(fold_in(seed, stream)) + place * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state = state ^ (state >> np.uint64(31))
    return torch.from_numpy((state >> np.uint64(11)) * 2.0**-53)
