"""Fully connected networks, for points in the plane and for small images."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import FeatureNetwork
from lightning_gans.networks.minibatch import MinibatchLayerFactory
from lightning_gans.networks.shapes import check_not_negative, check_positive, concat_labels, split_inputs

Activation = Callable[[], nn.Module]
"""Builds an activation: a class, as a config names it (``torch.nn.Tanh``)."""


class MLPGenerator(nn.Module):
    """From latents, and labels if it is told of classes, to samples of any shape through hidden layers.

    Args:
        latent_dim: Z.
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        hidden_dims: Sizes of the hidden layers.
        tanh_output: Whether the output passes through tanh, as images in [-1, 1] want.
        batch_norm: Whether hidden layers are batch normalized.
        num_classes: K; labels join the latents as one-hot vectors. 0 or None for a network without labels.
        activation: Of hidden layers; ReLU when None.

    Raises:
        ConfigError: A size is missing or not positive.

    Example:
        >>> MLPGenerator(4, (2,), tanh_output=False)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        latent_dim: int = 100,
        image_shape: Sequence[int] | None = None,
        hidden_dims: Sequence[int] = (128, 128),
        tanh_output: bool = True,
        batch_norm: bool = False,
        num_classes: int | None = 0,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim)
        check_not_negative(num_classes=num_classes)
        self.latent_dim, self.image_shape, self.num_classes = latent_dim, _checked(image_shape), num_classes or 0

        def block(before: int, after: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(after)] if batch_norm else []
            return [nn.Linear(before, after), *norm, (activation or nn.ReLU)()]

        layers = _layers([latent_dim + self.num_classes, *hidden_dims, math.prod(self.image_shape)], block)
        self.layers = nn.Sequential(*layers, *([nn.Tanh()] if tanh_output else []))

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Samples (N, *image_shape) from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        samples: Tensor = self.layers(concat_labels(z, labels, self.num_classes)).unflatten(1, self.image_shape)
        return samples


class MLPDiscriminator(FeatureNetwork):
    """From samples, and latents and labels where it is told of them, to logits through hidden layers.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points; (Z,) where latents alone are scored.
        hidden_dims: Sizes of the hidden layers.
        out_features: Number of outputs; models that ask for more than real or fake want more.
        num_classes: K, where labels are shown too: they join as one-hot vectors. 0 or None for none.
        latent_dim: Z, where latents are shown too. 0 for none.
        minibatch_layer: Builds a layer before the last one that compares the samples of a batch; None for none.
        activation: Of hidden layers; leaky ReLU of slope 0.2 when None.
        labels_per_sample: m, where a sample is a pack of m with a label each: labels are (N, m) then.

    Raises:
        ConfigError: A size is missing or not positive.

    Example:
        >>> MLPDiscriminator((2,), latent_dim=5)(torch.zeros(3, 2), torch.zeros(3, 5)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        hidden_dims: Sequence[int] = (128, 128),
        out_features: int = 1,
        num_classes: int | None = 0,
        latent_dim: int = 0,
        minibatch_layer: MinibatchLayerFactory | None = None,
        activation: Activation | None = None,
        labels_per_sample: int = 1,
    ) -> None:
        super().__init__()
        check_positive(out_features=out_features, labels_per_sample=labels_per_sample)
        check_not_negative(num_classes=num_classes, latent_dim=latent_dim)
        self.activation = activation
        self.latent_dim, self.num_classes, self.labels_per_sample = latent_dim, num_classes or 0, labels_per_sample
        shown = math.prod(_checked(image_shape)) + latent_dim + self.num_classes * labels_per_sample
        sizes = [shown, *hidden_dims, out_features]
        *layers, out = _layers(sizes, self.block)
        if minibatch_layer is not None:
            layers.append(layer := minibatch_layer(sizes[-2:-1]))
            out = nn.Linear(layer.shape[0], out_features)
        self.hidden, self.out = nn.Sequential(*layers), out
        self.feature_dim = sizes[-2] if minibatch_layer is None else layer.shape[0]

    def block(self, before: int, after: int) -> list[nn.Module]:
        """A hidden layer."""
        return [nn.Linear(before, after), nn.LeakyReLU(0.2) if self.activation is None else self.activation()]

    def features(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden layer, (N, D)."""
        told = {"labels_per_sample": self.labels_per_sample, "latent_dim": self.latent_dim}
        latents, labels = split_inputs(rest, num_classes=self.num_classes, **told)
        vectors = [part.flatten(1) for part in (samples, latents) if part is not None]
        hidden: Tensor = self.hidden(concat_labels(torch.cat(vectors, dim=1), labels, self.num_classes))
        return hidden


class MLPEncoder(MLPDiscriminator):
    """From samples of any shape to latents, or to the parameters of their distribution; layers as in the discriminator.

    Args:
        image_shape: Shape of one sample: (C, H, W), or (d,) for points.
        out_features: Z, or 2 Z for mean and logarithm of the variance; the command line takes it from the model.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        hidden_dims: Sequence[int] = (128, 128),
        out_features: int = 1,
        num_classes: int | None = 0,
        activation: Activation | None = None,
    ) -> None:
        # No latent_dim: it would be a second latent that is shown, while everyone means the one that comes out.
        super().__init__(image_shape, hidden_dims, out_features, num_classes, activation=activation)


class Maxout(nn.Module):
    """The largest of several linear functions, for each output: max_k (x W_k + b_k).

    Goodfellow et al. 2013, arXiv:1302.4389, section 3.

    Args:
        before: Size of the input.
        after: Size of the output.
        pieces: Number of linear functions of each output, 1 or more.
    """

    def __init__(self, before: int, after: int, pieces: int = 5) -> None:
        super().__init__()
        check_positive(pieces=pieces)
        self.after, self.pieces = after, pieces
        # Pieces come first, so that the largest is taken over whole rows: 20 times as fast as over neighbors (CPU).
        self.linear = nn.Linear(before, pieces * after)

    def forward(self, x: Tensor) -> Tensor:
        """(N, after) from (N, before)."""
        largest: Tensor = self.linear(x).unflatten(1, (self.pieces, self.after)).amax(1)
        return largest


class MaxoutDiscriminator(MLPDiscriminator):
    """From samples to logits through hidden layers of maxout: the discriminator of PacGAN's points in the plane.

    Lin et al. 2018, arXiv:1712.04086, section 4.1; with it goes ``MLPGenerator(hidden_dims=[400, 400, 400, 400],
    batch_norm=True)``.

    Args:
        pieces: Number of linear functions of each hidden unit.

    Raises:
        ConfigError: As ``MLPDiscriminator``, or an activation is given.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        hidden_dims: Sequence[int] = (200, 200, 200),
        pieces: int = 5,
        **kwargs: Any,
    ) -> None:
        self.pieces = pieces
        super().__init__(image_shape, hidden_dims, **kwargs)
        if self.activation is not None:
            raise ConfigError("activation", self.activation, "maxout is one; leave it out")

    def block(self, before: int, after: int) -> list[nn.Module]:
        """A hidden layer of maxout."""
        return [Maxout(before, after, self.pieces)]


def _checked(image_shape: Sequence[int] | None) -> tuple[int, ...]:
    if not image_shape or min(image_shape) < 1:
        raise ConfigError("image_shape", image_shape, "give the shape of one sample, such as (1, 28, 28) or (2,)")
    return tuple(image_shape)


def _layers(sizes: Sequence[int], block: Callable[[int, int], list[nn.Module]]) -> list[nn.Module]:
    """Hidden layers, and a linear one at the end."""
    for size in sizes:
        check_positive(hidden_dims=size)
    layers = [part for before, after in pairwise(sizes[:-1]) for part in block(before, after)]
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]
