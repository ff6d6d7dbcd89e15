"""The discriminator of pix2pix, which scores patches."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.layers import Norm, initialize_normal, norm_layers, zero_bias
from lightning_gans.networks.shapes import check_image_shape, check_positive

_STRIDES: dict[int, tuple[int, ...]] = {
    1: (),
    16: (2, 1, 1),
    34: (2, 2, 1, 1),
    70: (2, 2, 2, 1, 1),
    142: (2, 2, 2, 2, 1, 1),
}
"""Of the 4 x 4 convolutions with padding 1, by the receptive field that they add up to; 1 has 1 x 1 convolutions."""


class PatchDiscriminator(nn.Module):
    """Scores every patch of an image by itself: a convolutional network, whose logits see a square of a few pixels.

    Isola et al. 2017, arXiv:1611.07004, section 3.2.2 and appendix 6.1: 4 x 4 convolutions with leaky ReLU of slope
    0.2, C64-C128-C256-C512 for 70 x 70 patches, all but the last two layers strided, no norm on the first; 1 x 1
    convolutions C64-C128 for single pixels. Weights from N(0, 0.02). A translator's output is scored together with its
    source, which joins it along the channels.

    Args:
        image_shape: (C, H, W), 8 <= H, W; any size is scored in which a patch finds its place.
        source_shape: (C', H, W), where the source is shown too; None for images alone.
        base_channels: Channels of the first hidden map; each later one has twice as many, up to 8 times.
        receptive_field: Side of a patch in pixels: 1, 16, 34, 70 or 142.
        norm: ``batch`` or ``instance``: the same for batches of one image, the paper's size; None for none. Gradient
            penalties are defined sample by sample: not with ``batch``.

    Raises:
        ConfigError: A shape is missing, under 8 pixels or too small for the receptive field, or the two differ in size.

    Example:
        >>> PatchDiscriminator((3, 256, 256), base_channels=4)(torch.zeros(1, 3, 256, 256)).shape
        torch.Size([1, 1, 30, 30])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        source_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        receptive_field: int = 70,
        norm: Norm | None = "instance",
    ) -> None:
        super().__init__()
        check_positive(base_channels=base_channels)
        self.image_channels, *size = check_image_shape("image_shape", image_shape)
        self.source_channels = 0
        if source_shape is not None:
            self.source_channels, *source_size = check_image_shape("source_shape", source_shape)
            if source_size != size:
                hint = f"is shown beside images of {size[0]} x {size[1]} pixels, which must be its size too"
                raise ConfigError("source_shape", tuple(source_shape), hint)
        self.receptive_field = _check_fits(receptive_field, min(size))
        kernel, padding = (1, 0) if receptive_field == 1 else (4, 1)
        layers: list[nn.Module] = []
        before = self.image_channels + self.source_channels
        for number, stride in enumerate(_STRIDES[receptive_field][:-1] or (1, 1)):
            after = base_channels * min(2**number, 8)
            norms = norm_layers(norm, after) if number else []  # none on the first map
            layers.append(nn.Conv2d(before, after, kernel, stride, padding, bias=not norms))
            layers += [*norms, nn.LeakyReLU(0.2)]
            before = after
        self.hidden = nn.Sequential(*layers)
        self.out = nn.Conv2d(before, 1, kernel, padding=padding)
        self.apply(initialize_normal)
        self.apply(zero_bias)

    def forward(self, image: Tensor, *rest: Tensor) -> Tensor:
        """Logits of patches (N, 1, h, w) of images (N, C, H, W), and sources (N, C', H, W) where they have a shape.

        Raises:
            ConfigError: The source is missing, or there is one and no ``source_shape``; other channels or sizes.
        """
        shapes = [tuple(each.shape) for each in (image, *rest)]
        wanted = [each for each in (self.image_channels, self.source_channels) if each]
        if [shape[1:2] for shape in shapes] != [(each,) for each in wanted] or len({shape[2:] for shape in shapes}) > 1:
            what = "images" if len(wanted) == 1 else "images and sources of one size"
            hint = f"source_shape says {what}, of {' and '.join(map(str, wanted))} channels"
            raise ConfigError("inputs", shapes, hint)
        logits: Tensor = self.out(self.hidden(torch.cat([image, *rest], dim=1)))
        return logits


def _check_fits(receptive_field: int, side: int) -> int:
    if receptive_field not in _STRIDES:
        known = ", ".join(map(str, _STRIDES))
        raise ConfigError("receptive_field", receptive_field, f"is none of {known}")
    fitting = [field for field, strides in _STRIDES.items() if _map_side(side, strides) > 0]
    if receptive_field not in fitting:
        hint = f"images of {side} pixels are too small for it; the largest that fits is {fitting[-1]}"
        raise ConfigError("receptive_field", receptive_field, hint)
    return receptive_field


def _map_side(side: int, strides: Sequence[int]) -> int:
    """The side of the map that 4 x 4 convolutions with padding 1 make of a side."""
    for stride in strides:
        side = (side - 2) // stride + 1
    return side
