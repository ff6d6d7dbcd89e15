"""The networks of free-form inpainting: gated convolutions, and a discriminator of patches with spectral norm."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.networks.padding import PaddedTranslator
from lightning_gans.networks.shapes import check_image_shape, check_positive, check_translation, joined_sources
from lightning_gans.networks.spectral import spectrally_normalized


class GatedConv2d(nn.Module):
    """A convolution that learns where its output counts: ELU(features) * sigmoid(gate), (N, C, H, W) to (N, C', H, W).

    Yu et al. 2019, arXiv:1806.03589, eq. 3: for each channel and place a gate of its own, so that what lies in a hole
    can be told from what is known in every layer.

    Args:
        before: C.
        after: C'.
        side: Of the kernel, odd.
        stride: Of the convolution.
        dilation: Of the kernel.
    """

    def __init__(self, before: int, after: int, side: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        margin = side // 2 * dilation
        self.both = nn.Conv2d(before, 2 * after, side, stride, margin, dilation)
        # A gate of about one half quarters the variance of small signals; of torch's own weights little would arrive.
        nn.init.normal_(self.both.weight, 0.0, 2 / (before * side * side) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Gated maps."""
        features, gate = self.both(x).chunk(2, dim=1)
        return F.elu(features) * torch.sigmoid(gate)


class BoundedOutput(nn.Module):
    """Cuts to [-1, 1]; where a value lies beyond, gradients pass that lead back, and no others.

    In place of tanh, which L1 on images that are mostly of one color saturates in ten steps: then nothing is learned.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Of any shape."""
        images: Tensor = _Cut.apply(x)
        return images


class _Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        return gradient.masked_fill((x.abs() > 1) & (x * gradient < 0), 0)  # a step goes against the gradient


class GatedGenerator(PaddedTranslator):
    """Completes images of any size by gated convolutions, dilated where maps are smallest.

    The coarse network of Yu et al. 2019, arXiv:1806.03589, figure 3, alone: without the second one that refines, and so
    without contextual attention. Sides are halved twice; four dilated layers let a pixel see 31 others of the small map
    in each direction, that is 124 of the image.

    Args:
        source_shape: (C, H, W) of images and masks together.
        image_shape: (C', H, W) of what comes out.
        base_channels: Channels of the largest map, twice and four times as many in the smaller ones; 48 in the paper.
        dilations: Of the layers in the middle.

    Raises:
        ConfigError: A shape is missing, under 8 pixels, or the two differ in size; a size is not positive.

    Example:
        >>> network = GatedGenerator((4, 32, 32), (3, 32, 32), base_channels=4)
        >>> network(torch.zeros(1, 3, 47, 61), torch.zeros(1, 1, 47, 61)).shape
        torch.Size([1, 3, 47, 61])
    """

    multiple = 4
    smallest_map = 2

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 48,
        dilations: Sequence[int] = (2, 4, 8, 16),
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, dilations=min(dilations, default=1))
        self.source_channels, channels, _ = check_translation(source_shape, image_shape)
        wide, wider, widest = base_channels, 2 * base_channels, 4 * base_channels
        self.down = nn.Sequential(
            GatedConv2d(self.source_channels, wide, 5),
            GatedConv2d(wide, wider, stride=2),
            GatedConv2d(wider, wider),
            GatedConv2d(wider, widest, stride=2),
            GatedConv2d(widest, widest),
        )
        self.middle = nn.Sequential(*(GatedConv2d(widest, widest, dilation=each) for each in dilations))
        self.up = nn.Sequential(
            GatedConv2d(widest, widest),
            nn.Upsample(scale_factor=2),
            GatedConv2d(widest, wider),
            GatedConv2d(wider, wider),
            nn.Upsample(scale_factor=2),
            GatedConv2d(wider, wide),
            GatedConv2d(wide, max(wide // 2, 1)),
            nn.Conv2d(max(wide // 2, 1), channels, 3, padding=1),
            BoundedOutput(),
        )

    def translated(self, padded: Tensor) -> Tensor:
        """See ``PaddedTranslator``."""
        images: Tensor = self.up(self.middle(self.down(padded)))
        return images


class SpectralPatchDiscriminator(nn.Module):
    """Scores every place of a small map in each of its channels: strided 5 x 5 convolutions with spectral norm.

    Yu et al. 2019, arXiv:1806.03589, section 3.2, SN-PatchGAN: 64, 128, then 256 channels, leaky ReLU of slope 0.2;
    the last map is the logits.

    Args:
        image_shape: (C, H, W) of images, 8 <= H, W; any size is scored.
        source_shape: (C', H, W) of what is shown beside them, a mask, say; None for images alone.
        base_channels: Channels of the first map, twice and four times as many in the others.
        num_layers: Convolutions; 6 in the paper, for 256 pixels.

    Raises:
        ConfigError: A shape is missing or under 8 pixels, or a size is not positive.

    Example:
        >>> network = SpectralPatchDiscriminator((3, 64, 64), (1, 64, 64), base_channels=4, num_layers=4)
        >>> network(torch.zeros(2, 3, 64, 64), torch.zeros(2, 1, 64, 64)).shape
        torch.Size([2, 16, 4, 4])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        source_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_layers: int = 6,
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels, num_layers=num_layers)
        self.channels, *_ = check_image_shape("image_shape", image_shape)
        if source_shape is not None:
            self.channels += check_image_shape("source_shape", source_shape)[0]
        widths = [self.channels, *(base_channels * min(2**number, 4) for number in range(num_layers))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = spectrally_normalized(nn.Sequential(*layers[:-1]))

    def forward(self, image: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, C'', h, w) of images (N, C, H, W), and of what is shown beside them."""
        logits: Tensor = self.layers(joined_sources(image, *rest, channels=self.channels))
        return logits
