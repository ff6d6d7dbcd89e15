"""The network of context encoders: an image with a hole through a narrow layer, and what was there out of it."""

from collections.abc import Sequence

from torch import Tensor, nn

from lightning_gans.networks.dcgan import DCGANEncoder, DCGANGenerator
from lightning_gans.networks.shapes import check_positive, check_translation, joined_sources


class ContextGenerator(nn.Module):
    """An encoder down to a vector of features and a decoder back to an image.

    Pathak et al. 2016, arXiv:1604.07379, section 4, and the authors' code: strided 4 x 4 convolutions, batch norm and
    leaky ReLU, a convolution over the whole smallest map to 4,000 features, transposed convolutions back, tanh. Unlike
    theirs the decoder makes the whole image, of which a model keeps what lies in the hole, and the mask is a channel
    more of the input.

    Args:
        source_shape: (C, H, W) of images and masks together, square, 8 to 128 pixels; images of this size alone.
        image_shape: (C', H, W) of what comes out.
        base_channels: Channels of the largest hidden map.
        bottleneck: Features in between.

    Raises:
        ConfigError: A shape is missing, not square or out of range, or the two differ in size; a size is not positive.

    Example:
        >>> import torch
        >>> network = ContextGenerator((2, 32, 32), (1, 32, 32), base_channels=4, bottleneck=16)
        >>> network(torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 1, 32, 32])
    """

    def __init__(
        self,
        source_shape: Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        bottleneck: int = 4000,
    ) -> None:
        super().__init__()
        check_positive(bottleneck=bottleneck)
        self.source_channels, channels, size = check_translation(source_shape, image_shape)
        self.size = size
        self.encoder = DCGANEncoder((self.source_channels, *size), base_channels, out_features=bottleneck)
        self.between = nn.Sequential(nn.BatchNorm1d(bottleneck), nn.LeakyReLU(0.2))
        self.decoder = DCGANGenerator(bottleneck, (channels, *size), base_channels)

    def forward(self, source: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C', H, W) in [-1, 1] of sources (N, C, H, W) and masks (N, 1, H, W).

        Raises:
            ConfigError: They are of other channels or of another size.
        """
        given = joined_sources(source, *rest, channels=self.source_channels, size=self.size)
        images: Tensor = self.decoder(self.between(self.encoder(given)))
        return images
