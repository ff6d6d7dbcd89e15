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
from lightning_gans.networks.minibatch import Statistics
from lightning_gans.networks.shapes import halvings, image_size, positive, with_labels
from lightning_gans.networks.spectral import spectrally_normalized


class DCGANGenerator(nn.Module):
    """DCGAN's generator: a projection to a small map, then transposed convolutions that double it.

    Args:
        latent_dim: Z.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        width: Channels of the last hidden map; each smaller map has twice as many.
        classes: Number of classes; labels join the latents as one-hot vectors. 0 for a network without labels.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> DCGANGenerator(16, (1, 28, 28), width=8)(torch.zeros(2, 16)).shape
        torch.Size([2, 1, 28, 28])
    """

    def __init__(
        self, latent_dim: int = 100, image_shape: Sequence[int] | None = None, width: int = 64, classes: int = 0
    ) -> None:
        super().__init__()
        positive(latent_dim=latent_dim, width=width)
        channels, side = image_size(image_shape)
        sides = halvings(side)[::-1]  # smallest first
        widths = [width * 2**i for i in reversed(range(len(sides) - 1))]
        self.latent_dim, self.classes = latent_dim, classes
        self.project = nn.ConvTranspose2d(
            latent_dim + classes, widths[0], sides[0], bias=False
        )  # 1 x 1 -> smallest map
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for before, after, small, large in zip(widths, widths[1:], sides, sides[1:], strict=False):
            layers += [_up(before, after, small, large, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.up = nn.Sequential(*layers, _up(widths[-1], channels, sides[-2], sides[-1], bias=True), nn.Tanh())
        self.apply(_initialize)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        images: Tensor = self.up(self.project(with_labels(z, labels, self.classes)[:, :, None, None]))
        return images


class DCGANDiscriminator(nn.Module):
    """DCGAN's discriminator: strided convolutions down to a small map, then one logit, or several.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        width: Channels of the largest hidden map; each smaller map has twice as many.
        batch_norm: Whether hidden maps are batch normalized, as in the paper; not with gradient penalties, which are
            defined sample by sample.
        spectral_norm: Whether every layer is spectrally normalized (Miyato et al. 2018, arXiv:1802.05957); in place of
            batch norm, whose scale would undo it.
        outputs: Number of logits K; models that judge more than real or fake ask for more.
        classes: Number of classes, where (images, labels) are judged: labels join as constant maps, one of them 1.
            0 for none.
        statistics: Builds a layer before the last one that compares the samples of a batch; None for none.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> import torch
        >>> DCGANDiscriminator((3, 32, 32), width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        width: int = 64,
        batch_norm: bool = True,
        spectral_norm: bool = False,
        outputs: int = 1,
        classes: int = 0,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__()
        positive(width=width, outputs=outputs)
        if batch_norm and spectral_norm:
            raise ConfigError("spectral_norm", True, "needs batch_norm: false, whose scale would undo it")
        channels, side = image_size(image_shape)
        sides = halvings(side)
        self.classes = classes
        widths = [channels + classes, *(width * 2**i for i in range(len(sides) - 1))]
        layers: list[nn.Module] = []
        for depth, (before, after) in enumerate(pairwise(widths)):
            normalized = batch_norm and depth > 0  # not at the input
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normalized))
            layers += [nn.BatchNorm2d(after)] if normalized else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.smallest: tuple[int, ...] = (widths[-1], sides[-1], sides[-1])
        if statistics is not None:
            layers.append(layer := statistics(self.smallest))
            self.smallest = layer.shape
        self.down = nn.Sequential(*layers)
        self.feature_dim = math.prod(self.smallest)
        self.out = nn.Conv2d(self.smallest[0], outputs, sides[-1])  # smallest map -> 1 x 1
        self.apply(_initialize)
        if spectral_norm:
            spectrally_normalized(self)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """The last hidden map, flattened: (N, D)."""
        maps = with_labels(images.new_empty(len(images), 0), labels, self.classes)[:, :, None, None]
        judged = torch.cat([images, maps.expand(-1, -1, *images.shape[2:])], dim=1) if self.classes else images
        hidden: Tensor = self.down(judged).flatten(1)
        return hidden

    def head(self, features: Tensor) -> Tensor:
        """Logits (N, K) from the last hidden map, flattened."""
        logits: Tensor = self.out(features.unflatten(1, self.smallest)).flatten(1)
        return logits

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N, K) from images (N, C, H, W), and labels (N,) where there are classes."""
        return self.head(self.features(images, labels))


class DCGANEncoder(DCGANDiscriminator):
    """From images to latents, or to the parameters of their distribution; layers as in the discriminator.

    With batch norm an averaged encoder has the running statistics of the raw one: only those of generators are
    estimated again under averaged weights.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        width: Channels of the largest hidden map; each smaller map has twice as many.
        batch_norm: Whether hidden maps are batch normalized.
        spectral_norm: Whether every layer is spectrally normalized.
        outputs: Z, or 2 Z for mean and logarithm of the variance; the command line takes it from the model.
    """


def _up(before: int, after: int, small: int, large: int, *, bias: bool) -> nn.Module:
    """A transposed convolution from side ``small`` to side ``large``, the double or one more."""
    extra = large - 2 * small
    return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, output_padding=extra, bias=bias)


def _initialize(module: nn.Module) -> None:
    """Weights from N(0, 0.02), batch norm's scale from N(1, 0.02): section 4 of the paper."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
