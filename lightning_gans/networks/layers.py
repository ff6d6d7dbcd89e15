"""What networks have in common: initialization, normalization, discriminators that show their features."""

from typing import Literal

from torch import Tensor, nn

from lightning_gans.errors import ConfigError

Norm = Literal["batch", "instance"]
"""Kinds of normalization, as a config names them; None stands for none."""

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
