"""What networks have in common: initialization, normalization, enlargement, features that are shown."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError

Norm = Literal["batch", "instance"]
"""Kinds of normalization, as a config names them; None stands for none."""

Upsampling = Literal["resize", "transposed"]
"""How maps are doubled: nearest neighbors and a 3 x 3 convolution, or a transposed convolution, as papers have it."""

_NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}


class FeatureNetwork(nn.Module):
    """A discriminator or encoder that can be asked for the layer before its outputs: ``out`` of ``features``."""

    out: nn.Module

    def features(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden layer, (N, D); arguments as of ``forward``."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """Outputs (N, out_features) from the last hidden layer."""
        outputs: Tensor = self.out(features)
        return outputs

    def forward(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """Outputs (N, out_features) of samples (N, ...), logits unless a model reads more from them.

        After the samples come latents (N, Z), then labels (N,) or (N, m), as far as the network was told of them.

        Raises:
            ConfigError: Too many inputs, too few, or of another size than the network was told.
        """
        return self.head(self.features(samples, *rest))


def norm_layers(norm: Norm | None, channels: int) -> list[nn.Module]:
    """The layer that normalizes maps of so many channels, or none.

    Instance norm has no scale and shift of its own and keeps no running statistics, as in CycleGAN's code: it does the
    same in training and after it, and no sample's output depends on the others.

    Raises:
        ConfigError: An unknown kind.
    """
    if norm is None:
        return []
    if norm not in _NORMS:
        raise ConfigError("norm", norm, f"is none of {', '.join(_NORMS)}; null for none")
    return [_NORMS[norm](channels)]


def initialize_normal(module: nn.Module) -> None:
    """Weights of convolutions from N(0, 0.02), batch norm's scale from N(1, 0.02), as DCGAN's and pix2pix's."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def zero_bias(module: nn.Module) -> None:
    """Biases of convolutions zero, as in pix2pix's code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
        nn.init.zeros_(module.bias)


class UpsampledConv2d(nn.ConvTranspose2d):
    """A 3 x 3 convolution of maps that are doubled by nearest neighbors: (N, C, H, W) to (N, C', 2 H, 2 W).

    Written as the transposed 4 x 4 convolution at stride 2 that is equal to it but for rounding: doubled maps repeat
    their values, so that of nine products there are only four to compute.
    """

    spread: Tensor

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, 3, **kwargs)
        spread = torch.eye(3, 4) + torch.eye(3, 4).roll(1, dims=1)  # each weight meets two neighbors
        self.register_buffer("spread", torch.kron(spread, spread), persistent=False)  # 9 x 16

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        """The doubled maps."""
        kernel = (self.weight.flatten(2) @ self.spread).unflatten(2, (4, 4))
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


def upsampling_layer(upsampling: Upsampling, before: int, after: int, *, bias: bool) -> nn.Module:
    """The layer that doubles maps.

    Transposed convolutions give neighboring pixels different weights and so leave a faint checkerboard in flat areas;
    to enlarge first and convolve then gives all of them the same (Odena et al. 2016,
    https://distill.pub/2016/deconv-checkerboard).

    Raises:
        ConfigError: An unknown kind.
    """
    if upsampling == "resize":
        return UpsampledConv2d(before, after, bias=bias)
    if upsampling == "transposed":
        return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)
    raise ConfigError("upsampling", upsampling, "is none of resize, transposed")
