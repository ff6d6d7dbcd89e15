"""Fully connected networks, for points in the plane and for small images."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from lightning_gans.errors import SettingError
from lightning_gans.networks.shapes import positive


class MLPGenerator(nn.Module):
    """From latents to samples of any shape through hidden layers of ReLU.

    Args:
        latent_dim: Z.
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.
        bounded: Whether the output passes through tanh, as images in [-1, 1] want.
        batch_norm: Whether hidden layers are batch normalized.

    Raises:
        SettingError: A size is missing or not positive.

    Example:
        >>> import torch
        >>> MLPGenerator(4, (2,), bounded=False)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        latent_dim: int = 100,
        image_shape: Sequence[int] | None = None,
        hidden: Sequence[int] = (128, 128),
        bounded: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        positive(latent_dim=latent_dim)
        self.latent_dim, self.image_shape = latent_dim, _checked(image_shape)
        layers = _layers([latent_dim, *hidden, math.prod(self.image_shape)], nn.ReLU(), batch_norm)
        self.layers = nn.Sequential(*layers, *([nn.Tanh()] if bounded else []))

    def forward(self, z: Tensor) -> Tensor:
        """Samples (N, *image_shape) from latents (N, Z)."""
        samples: Tensor = self.layers(z).unflatten(1, self.image_shape)
        return samples


class MLPDiscriminator(nn.Module):
    """From samples of any shape to one logit through hidden layers of leaky ReLU, slope 0.2.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.

    Raises:
        SettingError: A size is missing or not positive.

    Example:
        >>> import torch
        >>> MLPDiscriminator((1, 8, 8))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1])
    """

    def __init__(self, image_shape: Sequence[int] | None = None, hidden: Sequence[int] = (128, 128)) -> None:
        super().__init__()
        *hidden_layers, out = _layers([math.prod(_checked(image_shape)), *hidden, 1], nn.LeakyReLU(0.2))
        self.hidden, self.out = nn.Sequential(*hidden_layers), out

    def features(self, samples: Tensor) -> Tensor:
        """The last hidden layer, (N, D)."""
        hidden: Tensor = self.hidden(samples.flatten(1))
        return hidden

    def forward(self, samples: Tensor) -> Tensor:
        """Logits (N, 1) from samples (N, ...)."""
        logits: Tensor = self.out(self.features(samples))
        return logits


def _checked(image_shape: Sequence[int] | None) -> tuple[int, ...]:
    if not image_shape or min(image_shape) < 1:
        raise SettingError("image_shape", image_shape, "give the shape of one sample, such as (1, 28, 28) or (2,)")
    return tuple(image_shape)


def _layers(sizes: Sequence[int], activation: nn.Module, batch_norm: bool = False) -> list[nn.Module]:
    """Linear layers with what follows each but the last, the output."""
    for size in sizes:
        positive(hidden=size)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if batch_norm else []), activation]
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]
