"""Fully connected networks, for points in the plane and for small images."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.minibatch import Statistics
from lightning_gans.networks.shapes import positive, with_labels

Activation = Callable[[], nn.Module]
"""Builds an activation: a class, as a recipe names it (``torch.nn.Tanh``)."""


class MLPGenerator(nn.Module):
    """From latents, and labels if it is told of classes, to samples of any shape through hidden layers.

    Args:
        latent_dim: Z.
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.
        bounded: Whether the output passes through tanh, as images in [-1, 1] want.
        batch_norm: Whether hidden layers are batch normalized.
        classes: Number of classes; labels join the latents as one-hot vectors. 0 for a network without labels.
        activation: Of hidden layers; ReLU when None.

    Raises:
        ConfigError: A size is missing or not positive.

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
        classes: int = 0,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        positive(latent_dim=latent_dim)
        self.latent_dim, self.image_shape, self.classes = latent_dim, _checked(image_shape), classes

        def block(before: int, after: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(after)] if batch_norm else []
            return [nn.Linear(before, after), *norm, (activation or nn.ReLU)()]

        layers = _layers([latent_dim + classes, *hidden, math.prod(self.image_shape)], block)
        self.layers = nn.Sequential(*layers, *([nn.Tanh()] if bounded else []))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples (N, *image_shape) from latents (N, Z), and labels (N,) where there are classes."""
        samples: Tensor = self.layers(with_labels(z, labels, self.classes)).unflatten(1, self.image_shape)
        return samples


class MLPDiscriminator(nn.Module):
    """From samples, and what else is judged with them, to logits through hidden layers.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.
        outputs: Number of logits K; models that judge more than real or fake ask for more.
        classes: Number of classes, where (samples, labels) are judged: labels join as one-hot vectors. 0 for none.
        codes: Size of the latents, where (samples, latents) are judged. 0 for none.
        statistics: Builds a layer before the last one that compares the samples of a batch; None for none.
        activation: Of hidden layers; leaky ReLU of slope 0.2 when None.

    Raises:
        ConfigError: A size is missing or not positive.

    Example:
        >>> import torch
        >>> MLPDiscriminator((1, 8, 8))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1])
        >>> MLPDiscriminator((2,), codes=5)(torch.zeros(3, 2), torch.zeros(3, 5)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        hidden: Sequence[int] = (128, 128),
        outputs: int = 1,
        classes: int = 0,
        codes: int = 0,
        statistics: Statistics | None = None,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        positive(outputs=outputs)
        self.activation = activation
        self.classes, self.codes = classes, codes
        sizes = [math.prod(_checked(image_shape)) + codes + classes, *hidden, outputs]
        *layers, out = _layers(sizes, self.block)
        if statistics is not None:
            layers.append(layer := statistics(sizes[-2:-1]))
            out = nn.Linear(layer.shape[0], outputs)
        self.hidden, self.out = nn.Sequential(*layers), out
        self.feature_dim = sizes[-2] if statistics is None else layer.shape[0]

    def block(self, before: int, after: int) -> list[nn.Module]:
        """A hidden layer."""
        return [nn.Linear(before, after), nn.LeakyReLU(0.2) if self.activation is None else self.activation()]

    def features(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden layer, (N, D).

        Raises:
            ConfigError: What is judged are other latents than the network was told of.
        """
        labeled = bool(rest) and not rest[-1].is_floating_point()
        codes, labels = (rest[:-1], rest[-1]) if labeled else (rest, None)
        if (size := sum(part[0].numel() for part in codes)) != self.codes:
            raise ConfigError("codes", self.codes, f"the discriminator is shown latents of size {size}; tell it so")
        judged = torch.cat([part.flatten(1) for part in (samples, *codes)], dim=1)
        hidden: Tensor = self.hidden(with_labels(judged, labels, self.classes))
        return hidden

    def head(self, features: Tensor) -> Tensor:
        """Logits (N, K) from the last hidden layer."""
        logits: Tensor = self.out(features)
        return logits

    def forward(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, K) from samples (N, ...), and latents (N, Z) and labels (N,) where they are judged too."""
        return self.head(self.features(samples, *rest))


class MLPEncoder(MLPDiscriminator):
    """From samples of any shape to latents, or to the parameters of their distribution; layers as in the discriminator.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.
        outputs: Z, or 2 Z for mean and logarithm of the variance; the command line takes it from the model.
        activation: Of hidden layers; leaky ReLU of slope 0.2 when None.
    """


class Maxout(nn.Module):
    """The largest of several linear functions, for each output: max_k (x W_k + b_k).

    Goodfellow et al. 2013, arXiv:1302.4389, section 3.

    Args:
        before: Size of the input.
        after: Size of the output.
        pieces: Number of linear functions of each output.

    Raises:
        ConfigError: A size is not positive.
    """

    def __init__(self, before: int, after: int, pieces: int = 5) -> None:
        super().__init__()
        positive(pieces=pieces)
        self.after, self.pieces = after, pieces
        # Pieces come first, so that the largest is taken over whole rows: 20 times as fast as over neighbors (CPU).
        self.linear = nn.Linear(before, pieces * after)

    def forward(self, x: Tensor) -> Tensor:
        """(N, after) from (N, before)."""
        largest: Tensor = self.linear(x).unflatten(1, (self.pieces, self.after)).amax(1)
        return largest


class MaxoutDiscriminator(MLPDiscriminator):
    """From samples to logits through hidden layers of maxout: the discriminator of PacGAN's points in the plane.

    Lin et al. 2018, arXiv:1712.04086, section 4.1; with it goes ``MLPGenerator(hidden=[400, 400, 400, 400],
    batch_norm=True)``.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden: Sizes of the hidden layers.
        pieces: Number of linear functions of each hidden unit.
        kwargs: As of ``MLPDiscriminator``, but ``activation``: maxout is one.

    Raises:
        ConfigError: As ``MLPDiscriminator``, or an activation is given.

    Example:
        >>> import torch
        >>> MaxoutDiscriminator((2,))(torch.zeros(3, 2)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        hidden: Sequence[int] = (200, 200, 200),
        pieces: int = 5,
        **kwargs: Any,
    ) -> None:
        self.pieces = pieces
        super().__init__(image_shape, hidden, **kwargs)
        if self.activation is not None:
            raise ConfigError("activation", self.activation, "maxout is one; leave it out")

    def block(self, before: int, after: int) -> list[nn.Module]:
        """A hidden layer."""
        return [Maxout(before, after, self.pieces)]


def _checked(image_shape: Sequence[int] | None) -> tuple[int, ...]:
    if not image_shape or min(image_shape) < 1:
        raise ConfigError("image_shape", image_shape, "give the shape of one sample, such as (1, 28, 28) or (2,)")
    return tuple(image_shape)


def _layers(sizes: Sequence[int], block: Callable[[int, int], list[nn.Module]]) -> list[nn.Module]:
    """Hidden layers, and a linear one at the end."""
    for size in sizes:
        positive(hidden=size)
    layers = [part for before, after in pairwise(sizes[:-1]) for part in block(before, after)]
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]
