"""What the convolutional networks have in common: initialization, normalization."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from lightning_gans.errors import ConfigError

Norm = Literal["batch", "instance"]
"""Kinds of normalization, as a config names them; None stands for none."""

_NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}


def norm_layers(norm: Norm | None) -> Callable[[int], list[nn.Module]]:
    """From a number of channels to the layer that normalizes their maps, or to none.

    Instance norm has no scale and shift of its own and keeps no running statistics, as in CycleGAN's code: it does the
    same in training and after it, and no sample's output depends on the others.

    Raises:
        ConfigError: An unknown kind.

    Example:
        >>> [type(layer).__name__ for layer in norm_layers("batch")(8)], norm_layers(None)(8)
        (['BatchNorm2d'], [])
    """
    if norm is None:
        return lambda _: []
    if norm not in _NORMS:
        raise ConfigError("norm", norm, f"is none of {', '.join(_NORMS)}; null for none")
    return lambda channels: [_NORMS[norm](channels)]


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
