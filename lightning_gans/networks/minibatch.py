"""Layers that let a discriminator see how much the samples of a batch are alike.

A discriminator that sees each sample by itself cannot see that all of them are the same one. These layers append to
the features of a sample what they have in common with those of the others; so no sample has a gradient of its own any
more (gradient penalties refuse them), and each process, and each micro-batch, compares its own samples.
"""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.shapes import check_positive, concat_constant


class MinibatchLayer(nn.Module):
    """A layer from features (N, C, ...) to (N, C + extra_features, ...), the first C of them as they were.

    Args:
        shape: Of the features of one sample: (C,), or (C, H, W) for maps.
    """

    uses_batch: ClassVar[bool] = True
    """What comes out for a sample depends on the other samples of its batch."""
    extra_features: int
    """Number of channels that it appends."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = (shape[0] + self.extra_features, *shape[1:])


MinibatchLayerFactory = Callable[[Sequence[int]], MinibatchLayer]
"""Builds a layer for features of a shape: a class with its settings, as a config names it."""


class MinibatchDiscrimination(MinibatchLayer):
    """How close a sample is to all others, measured by several learned kernels.

        M_i = f_i T,    c_b(i, j) = exp(-|M_ib - M_jb|_1),    o_ib = sum_j c_b(i, j)

    Salimans et al. 2016, arXiv:1606.03498, section 3.2: T is (A, B, C), f_i the A features of sample i, and the B
    numbers o_i are appended to them, to maps as constant maps. The sum counts the sample itself, as in the paper.

    Args:
        shape: Of the features of one sample: (A,), or (channels, H, W) with A entries in all.
        num_kernels: B.
        kernel_dim: C.

    Raises:
        ConfigError: A size is not positive.

    Example:
        >>> layer = MinibatchDiscrimination((3,), num_kernels=2, kernel_dim=4)
        >>> layer(torch.ones(5, 3))[0]  # all alike: each of the two kernels counts 5
        tensor([1., 1., 1., 5., 5.], grad_fn=<SelectBackward0>)
    """

    def __init__(self, shape: Sequence[int], num_kernels: int = 50, kernel_dim: int = 5) -> None:
        check_positive(num_kernels=num_kernels, kernel_dim=kernel_dim)
        self.extra_features = num_kernels
        super().__init__(shape)
        features = math.prod(shape)
        self.kernels = nn.Parameter(torch.randn(features, num_kernels, kernel_dim) / math.sqrt(features))

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, ...) with those of the batch, (N, C + B, ...)."""
        matrices = torch.einsum("na,abc->nbc", features.flatten(1), self.kernels)
        distances = (matrices[:, None] - matrices[None]).abs().sum(3)  # (N, N, B)
        return concat_constant(features, torch.exp(-distances).sum(1))


class MinibatchStdDev(MinibatchLayer):
    """The standard deviation of each feature over the batch, averaged over all features: one number for all samples.

    Karras et al. 2018, arXiv:1710.10196, section 3. Nothing is learned; the number is appended as one constant map.

    Args:
        group: Size of the groups that are compared, 4 in the authors' code; the whole batch when None, as in the paper.
        strided: Whether the samples of a group stand N / group apart, as in the authors' code, or side by side.

    Raises:
        ConfigError: ``group`` is less than 2; a batch does not divide into groups.

    Example:
        >>> MinibatchStdDev((1,))(torch.tensor([[1.0], [3.0]]))
        tensor([[1., 1.],
                [3., 1.]])
    """

    extra_features = 1

    def __init__(self, shape: Sequence[int], group: int | None = None, *, strided: bool = False) -> None:
        if group is not None and group < 2:
            raise ConfigError("group", group, "samples are compared with others: 2 or more, or null for the batch")
        super().__init__(shape)
        self.group, self.strided = group, strided

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, ...) with that number, (N, C + 1, ...)."""
        group = len(features) if self.group is None else self.group
        if len(features) % group:
            raise ConfigError("group", group, f"a batch of {len(features)} does not divide into groups")
        whole = features.to(torch.promote_types(features.dtype, torch.float32))  # small variances are 0 in half of it
        sizes = (group, -1) if self.strided else (-1, group)
        groups, members = whole.flatten(1).unflatten(0, sizes), 0 if self.strided else 1  # (., ., A)
        # Not std(): the root of 0, where all samples are alike, has no derivative.
        spread = (groups.var(members, correction=0) + 1e-8).sqrt().mean(1)  # (N / group,)
        shown = spread.repeat(group) if self.strided else spread.repeat_interleave(group)
        return concat_constant(features, shown[:, None])
