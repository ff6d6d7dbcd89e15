"""Networks that are lists of blocks."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from lightning_gans.blocks import Block, Shape, blocks_of
from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import FeatureNetwork
from lightning_gans.networks.shapes import check_not_negative, check_positive, concat_labels, split_inputs
from lightning_gans.networks.spectral import spectrally_normalized


def _batch_norm(block: Block) -> nn.Module:
    return (nn.BatchNorm1d if len(block.before) == 1 else nn.BatchNorm2d)(block.before[0])


_BUILDERS: dict[str, Callable[[Block], nn.Module]] = {
    "linear": lambda b: nn.Linear(b.before[0], b.settings["features"]),
    "convolution": lambda b: nn.Conv2d(b.before[0], *_window(b)),
    "transposed_convolution": lambda b: nn.ConvTranspose2d(b.before[0], *_window(b)),
    "max_pool": lambda b: nn.MaxPool2d(b.settings["field"], b.settings["stride"]),
    "average_pool": lambda b: nn.AvgPool2d(b.settings["field"], b.settings["stride"]),
    "upsample": lambda b: nn.Upsample(scale_factor=b.settings["factor"]),
    "reshape": lambda b: nn.Sequential(nn.Flatten(), nn.Unflatten(1, b.after)),
    "flatten": lambda b: nn.Flatten(),
    "relu": lambda b: nn.ReLU(),
    "leaky_relu": lambda b: nn.LeakyReLU(b.settings["slope"]),
    "elu": lambda b: nn.ELU(),
    "tanh": lambda b: nn.Tanh(),
    "sigmoid": lambda b: nn.Sigmoid(),
    "batch_norm": _batch_norm,
    "instance_norm": lambda b: nn.InstanceNorm2d(b.before[0]),
    "layer_norm": lambda b: nn.GroupNorm(1, b.before[0]),
}


class LayerStack(nn.Sequential):
    """A network from a list of blocks: plain data, whose shapes are known at every block.

    Layers and their settings, with defaults where there are some: ``linear`` (features), ``convolution`` (depth,
    field = 3, stride = 1, padding = 0), ``transposed_convolution`` (depth, field = 4, stride = 2, padding = 1),
    ``max_pool`` and ``average_pool`` (field = 2, stride = 2), ``upsample`` (factor = 2: nearest neighbors), ``reshape``
    (shape), ``flatten``; ``relu``, ``leaky_relu`` (slope = 0.2), ``elu``, ``tanh``, ``sigmoid``; ``batch_norm``,
    ``instance_norm``, ``layer_norm`` (over all of a sample). Depth is the number of maps that come out, field the side
    of the square that a number of them is computed from.

    Args:
        blocks: Each with the name of its ``layer`` and settings of that layer.
        input_shape: Of one sample: (C, H, W) or (D,).
        output_shape: What must come out; None for anything.

    Raises:
        ConfigError: A block does not fit, named by its number from 0.

    Example:
        >>> import torch
        >>> stack = LayerStack([{"layer": "convolution", "depth": 8, "padding": 1}, {"layer": "max_pool"}], (1, 28, 28))
        >>> stack.shapes, stack(torch.zeros(2, 1, 28, 28)).shape
        ([(1, 28, 28), (8, 28, 28), (8, 14, 14)], torch.Size([2, 8, 14, 14]))
    """

    shapes: list[Shape]
    """Of a sample as it goes in, and as it comes out of each block."""

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Any]],
        input_shape: Sequence[int],
        output_shape: Sequence[int] | None = None,
    ) -> None:
        found = blocks_of(blocks, input_shape, output_shape)
        super().__init__(*(_BUILDERS[block.layer](block) for block in found))
        self.shapes = [tuple(input_shape), *(block.after for block in found)]


class LayerStackGenerator(nn.Module):
    """From latents, and labels if it is told of classes, to samples through blocks, the last of which makes the sample.

    Args:
        blocks: As of ``LayerStack``; the first is given Z numbers, and K more where there are classes.
        latent_dim: Z.
        image_shape: Shape of one sample: (C, H, W), or (d,) for points; what must come out.
        num_classes: K; labels join the latents as one-hot vectors. 0 or None for a network without labels.

    Raises:
        ConfigError: A block does not fit, or another shape comes out.

    Example:
        >>> import torch
        >>> LayerStackGenerator([{"layer": "linear", "features": 2}], 4, (2,))(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Any]],
        latent_dim: int = 100,
        image_shape: Sequence[int] | None = None,
        num_classes: int | None = 0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim)
        check_not_negative(num_classes=num_classes)
        self.latent_dim, self.num_classes = latent_dim, num_classes or 0
        self.stack = LayerStack(blocks, (latent_dim + self.num_classes,), _given(image_shape))

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Samples (N, *image_shape) from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        samples: Tensor = self.stack(concat_labels(z, labels, self.num_classes))
        return samples


class LayerStackDiscriminator(FeatureNetwork):
    """From samples, and labels where it is told of them, to logits: blocks, then a linear layer of what they make.

    Args:
        blocks: As of ``LayerStack``; all but the last, linear layer, which is added. Labels are further channels.
        image_shape: Shape of one sample: (C, H, W), or (d,) for points; (Z,) where latents alone are scored.
        out_features: Number of outputs; models that ask for more than real or fake want more.
        num_classes: K, where labels are shown too: they join as constant maps, one of them 1. 0 or None for none.
        labels_per_sample: m, where a sample is a pack of m with a label each: labels are (N, m) then.
        spectral_norm: Whether linear layers and convolutions, but no transposed ones, are spectrally normalized
            (Miyato et al. 2018, arXiv:1802.05957).

    Raises:
        ConfigError: A block does not fit.

    Example:
        >>> import torch
        >>> blocks = [{"layer": "convolution", "depth": 8, "stride": 2}, {"layer": "leaky_relu"}]
        >>> LayerStackDiscriminator(blocks, (1, 8, 8))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Any]],
        image_shape: Sequence[int] | None = None,
        out_features: int = 1,
        num_classes: int | None = 0,
        labels_per_sample: int = 1,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        check_positive(out_features=out_features, labels_per_sample=labels_per_sample)
        check_not_negative(num_classes=num_classes)
        self.num_classes, self.labels_per_sample = num_classes or 0, labels_per_sample
        channels, *sides = _given(image_shape)
        self.stack = LayerStack(blocks, (channels + self.num_classes * labels_per_sample, *sides))
        self.feature_dim = math.prod(self.stack.shapes[-1])
        self.out = nn.Linear(self.feature_dim, out_features)
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """What the blocks make of samples, flattened: (N, D)."""
        _, labels = split_inputs(rest, num_classes=self.num_classes, labels_per_sample=self.labels_per_sample)
        hidden: Tensor = self.stack(concat_labels(samples, labels, self.num_classes))
        return hidden.flatten(1)


class LayerStackEncoder(LayerStackDiscriminator):
    """From samples to latents, or to the parameters of their distribution; layers as in the discriminator.

    Args:
        out_features: Z, or 2 Z for mean and logarithm of the variance; the command line takes it from the model.
    """


def _given(image_shape: Sequence[int] | None) -> Shape:
    if not image_shape or len(image_shape) not in (1, 3) or min(image_shape) < 1:
        raise ConfigError("image_shape", image_shape, "give the shape of one sample, such as (1, 28, 28) or (2,)")
    return tuple(image_shape)


def _window(block: Block) -> tuple[Any, ...]:
    return tuple(block.settings[name] for name in ("depth", "field", "stride", "padding"))
