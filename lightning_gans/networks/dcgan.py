"""Strided convolutional networks in the manner of DCGAN, for square images of 8 to 128 pixels.

Radford et al. 2016, arXiv:1511.06434, section 3 and figure 1: no pooling, no hidden fully connected layers, batch norm
in both networks except at the generator's output and the discriminator's input, ReLU in the generator, leaky ReLU of
slope 0.2 in the discriminator, weights from N(0, 0.02). Kernels are 4 x 4, so that stride 2 covers every pixel equally
often.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import FeatureNetwork, initialize_normal
from lightning_gans.networks.minibatch import MinibatchLayerFactory
from lightning_gans.networks.shapes import (
    check_image_size,
    check_not_negative,
    check_positive,
    concat_labels,
    halved_sides,
    split_inputs,
)
from lightning_gans.networks.spectral import spectrally_normalized

_LARGEST, _HALVINGS = 7, 3  # the side of the smallest map at most, and how often it is halved at least


class DCGANGenerator(nn.Module):
    """DCGAN's generator: a projection to a small map, then transposed convolutions that double it.

    Args:
        latent_dim: Z.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of the last hidden map; each smaller map has twice as many.
        num_classes: K; labels join the latents as one-hot vectors. 0 or None for a network without labels.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> DCGANGenerator(16, (1, 28, 28), base_channels=8)(torch.zeros(2, 16)).shape
        torch.Size([2, 1, 28, 28])
    """

    def __init__(
        self,
        latent_dim: int = 100,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_classes: int | None = 0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim, base_channels=base_channels)
        check_not_negative(num_classes=num_classes)
        channels, side = check_image_size(image_shape)
        sides = halved_sides(side, _LARGEST, _HALVINGS)[::-1]  # smallest first
        widths = [base_channels * 2**i for i in reversed(range(len(sides) - 1))]
        self.latent_dim, self.num_classes = latent_dim, num_classes or 0
        given = latent_dim + self.num_classes
        self.project = nn.ConvTranspose2d(given, widths[0], sides[0], bias=False)  # 1 x 1 -> smallest map
        layers: list[nn.Module] = []
        for (before, after), (small, large) in zip(pairwise([*widths, channels]), pairwise(sides), strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
            extra = large - 2 * small  # a side is doubled, or doubled and one more
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, output_padding=extra, bias=large == side))
        self.up = nn.Sequential(*layers, nn.Tanh())
        self.apply(initialize_normal)
        self.to(memory_format=torch.channels_last)  # a third less time on a CPU for maps as small as these

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        images: Tensor = self.up(self.project(concat_labels(z, labels, self.num_classes)[:, :, None, None]))
        return images


class DCGANDiscriminator(FeatureNetwork):
    """DCGAN's discriminator: strided convolutions down to a small map, then one logit, or several.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of the largest hidden map; each smaller map has twice as many.
        batch_norm: Whether hidden maps are batch normalized, as in the paper; not with gradient penalties, which are
            defined sample by sample.
        spectral_norm: Whether every layer is spectrally normalized (Miyato et al. 2018, arXiv:1802.05957); in place of
            batch norm, whose scale would undo it.
        out_features: Number of outputs; models that ask for more than real or fake want more.
        num_classes: K, where labels are shown too: they join as constant maps, one of them 1. 0 or None for none.
        minibatch_layer: Builds a layer before the last one that compares the samples of a batch; None for none.
        labels_per_sample: m, where a sample is a pack of m with a label each: labels are (N, m) then.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> DCGANDiscriminator((3, 32, 32), base_channels=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        batch_norm: bool = True,
        spectral_norm: bool = False,
        out_features: int = 1,
        num_classes: int | None = 0,
        minibatch_layer: MinibatchLayerFactory | None = None,
        labels_per_sample: int = 1,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, out_features=out_features, labels_per_sample=labels_per_sample)
        check_not_negative(num_classes=num_classes)
        if batch_norm and spectral_norm:
            raise ConfigError("spectral_norm", True, "needs batch_norm: false, whose scale would undo it")
        channels, side = check_image_size(image_shape)
        sides = halved_sides(side, _LARGEST, _HALVINGS)
        self.num_classes, self.labels_per_sample = num_classes or 0, labels_per_sample
        shown = channels + self.num_classes * labels_per_sample
        widths = [shown, *(base_channels * 2**i for i in range(len(sides) - 1))]
        layers: list[nn.Module] = []
        for depth, (before, after) in enumerate(pairwise(widths)):
            normalized = batch_norm and depth > 0  # not at the input
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normalized))
            layers += [nn.BatchNorm2d(after)] if normalized else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.smallest: tuple[int, ...] = (widths[-1], sides[-1], sides[-1])
        if minibatch_layer is not None:
            layers.append(layer := minibatch_layer(self.smallest))
            self.smallest = layer.shape
        self.down = nn.Sequential(*layers)
        self.feature_dim = math.prod(self.smallest)
        self.out = nn.Conv2d(self.smallest[0], out_features, sides[-1])  # smallest map -> 1 x 1
        self.apply(initialize_normal)
        self.to(memory_format=torch.channels_last)  # as in the generator
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, images: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden map, flattened: (N, D)."""
        _, labels = split_inputs(rest, num_classes=self.num_classes, labels_per_sample=self.labels_per_sample)
        hidden: Tensor = self.down(concat_labels(images, labels, self.num_classes)).flatten(1)
        return hidden

    def head(self, features: Tensor) -> Tensor:
        """Outputs (N, out_features) from the last hidden map, flattened."""
        return super().head(features.unflatten(1, self.smallest)).flatten(1)


class DCGANEncoder(DCGANDiscriminator):
    """From images to latents, or to the parameters of their distribution; layers as in the discriminator.

    With batch norm an averaged encoder has the running statistics of the raw one: only those of generators are
    estimated again under averaged weights.

    Args:
        out_features: Z, or 2 Z for mean and logarithm of the variance; the command line takes it from the model.
    """
