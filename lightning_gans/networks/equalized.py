"""Layers with equalized learning rates: weights that Adam moves by the same share, whatever their fan-in."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_GAIN = math.sqrt(2)
"""What keeps the variance of what passes a leaky ReLU of slope 0.2, about."""


class EqualizedLinear(nn.Module):
    """A linear layer whose weights are drawn from N(0, 1) and scaled when they are used, by gain / sqrt(fan-in).

    Karras et al. 2018, arXiv:1710.10196, section 4.1. Adam's steps do not depend on a gradient's scale: with weights of
    one size all layers learn at one speed.

    Args:
        in_features: Size of the input.
        out_features: Size of the output.
        bias: Whether there is one.
        bias_init: Its first value.
        gain: Of the weights.
        lr_multiplier: How fast it learns beside other layers; StyleGAN's mapping has 0.01 (Karras et al. 2019,
            arXiv:1812.04948, app. C).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        bias_init: float = 0.0,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier)) if bias else None
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(in_features), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, out_features) of inputs (N, in_features)."""
        bias = None if self.bias is None else self.bias * self.lr_multiplier
        return F.linear(x, self.weight * self.scale, bias)


class EqualizedConv2d(nn.Module):
    """The same for a convolution that keeps the size; an odd kernel."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = True, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.scale, self.padding = gain / math.sqrt(in_channels * kernel_size**2), kernel_size // 2

    def scaled_weight(self) -> Tensor:
        """The weights as they are used, (C', C, k, k)."""
        return self.weight * self.scale

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C', H, W) of maps (N, C, H, W)."""
        return F.conv2d(maps, self.scaled_weight(), self.bias, padding=self.padding)


class PixelNorm(nn.Module):
    """Each pixel's features, or a latent, divided by the root of their mean square.

    Karras et al. 2018, arXiv:1710.10196, section 4.2.

    Example:
        >>> PixelNorm()(torch.tensor([[3.0, -3.0]]))
        tensor([[ 1., -1.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, (N, C, ...)."""
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
