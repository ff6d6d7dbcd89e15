"""StackGAN's generator: a small image from a sentence, then a larger one from both."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.networks.dcgan import DCGANGenerator
from lightning_gans.networks.layers import UpsampledConv2d, initialize_normal
from lightning_gans.networks.shapes import check_image_size, check_positive
from lightning_gans.networks.text import check_text_dim


class ConditioningAugmentation(nn.Module):
    """A Gaussian around a projected sentence, and draws from it.

    Zhang et al. 2017, arXiv:1612.03242, section 3.2.

    Args:
        text_dim: E.
        features: Size of a draw, F.
    """

    def __init__(self, text_dim: int, features: int) -> None:
        super().__init__()
        self.project = nn.Linear(text_dim, 2 * features)

    def moments(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance, (N, F) each, of embeddings (N, E)."""
        mean, log_variance = self.project(text).chunk(2, 1)
        return mean, log_variance

    def forward(self, text: Tensor, noise: Tensor) -> Tensor:
        """Draws (N, F) with standard normal noise (N, F)."""
        mean, log_variance = self.moments(text)
        return mean + (log_variance / 2).exp() * noise


class StackGANGenerator(nn.Module):
    """Two stages: latents and a sentence to an image of a part of the size, that and the sentence to the whole size.

    Zhang et al. 2017, arXiv:1612.03242, sections 3.3 and 3.4. Of a latent the first ``text_features`` numbers are the
    noise of the first stage's conditioning augmentation, the next as many of the second's; latents are standard
    normal. The buffer ``stage`` says which stage is reached; as long as it is the first, its image is enlarged.

    Args:
        noise_dim: What else a latent has; the size of a latent is ``noise_dim + 2 text_features``.
        text_dim: E, the size of an embedding; the command line takes it from the data.
        image_shape: (C, H, W), square, 16 <= H <= 128.
        scale: By how much the second stage's image is larger, a power of 2.
        base_channels: Channels of the last hidden map of both stages.
        text_features: F, size of a draw of the conditioning augmentation.
        num_blocks: Residual blocks of the second stage.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> network = StackGANGenerator(8, 384, (3, 32, 32), base_channels=8, text_features=4)
        >>> small = network.first(torch.zeros(2, 16), torch.zeros(2, 384))
        >>> network.latent_dim, small.shape, network.second(small, torch.zeros(2, 16), torch.zeros(2, 384)).shape
        (16, torch.Size([2, 3, 16, 16]), torch.Size([2, 3, 32, 32]))
    """

    stage: Tensor

    def __init__(
        self,
        noise_dim: int = 100,
        text_dim: int | None = None,
        image_shape: Sequence[int] | None = None,
        scale: int = 2,
        base_channels: int = 32,
        text_features: int = 128,
        num_blocks: int = 2,
    ) -> None:
        super().__init__()
        check_positive(noise_dim=noise_dim, base_channels=base_channels, text_features=text_features)
        self.text_dim, self.scale, self.text_features = check_text_dim(text_dim), scale, text_features
        self.latent_dim = noise_dim + 2 * text_features
        channels, small = stage_one_size(image_shape, scale)
        self.augment1 = ConditioningAugmentation(self.text_dim, text_features)
        self.augment2 = ConditioningAugmentation(self.text_dim, text_features)
        self.images = DCGANGenerator(noise_dim + text_features, (channels, small, small), base_channels)
        widths = [base_channels, 2 * base_channels, 4 * base_channels]
        down: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1), nn.ReLU()]
        for before, after in pairwise(widths):
            down += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.down = nn.Sequential(*down)
        join = nn.Conv2d(widths[-1] + text_features, widths[-1], 3, padding=1, bias=False)
        blocks = [_Block(widths[-1]) for _ in range(num_blocks)]
        self.join = nn.Sequential(join, nn.BatchNorm2d(widths[-1]), nn.ReLU(), *blocks)
        doublings = len(widths) - 1 + scale.bit_length() - 1
        narrower = [max(widths[-1] // 2**i, base_channels) for i in range(doublings + 1)]
        up: list[nn.Module] = []
        for inputs, outputs in pairwise(narrower):
            up += [UpsampledConv2d(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.up = nn.Sequential(*up, nn.Conv2d(narrower[-1], channels, 3, padding=1), nn.Tanh())
        for part in (self.down, self.join, self.up):
            part.apply(initialize_normal)
        self.register_buffer("stage", torch.tensor(1))

    def first(self, z: Tensor, text: Tensor) -> Tensor:
        """Images of the first stage (N, C, H / scale, W / scale) in [-1, 1] of latents (N, Z), embeddings (N, E)."""
        noise, _, rest = self._split(z)
        images: Tensor = self.images(torch.cat([rest, self.augment1(text, noise)], 1))
        return images

    def second(self, small: Tensor, z: Tensor, text: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of those of the first stage, with the same latents and embeddings."""
        _, noise, _ = self._split(z)
        maps = self.down(small)
        everywhere = self.augment2(text, noise)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        images: Tensor = self.up(self.join(torch.cat([maps, everywhere], 1)))
        return images

    def enlarged(self, small: Tensor) -> Tensor:
        """Images of the first stage in the size of the second's, bicubically."""
        return F.interpolate(small, scale_factor=self.scale, mode="bicubic").clamp(-1, 1)

    def forward(self, z: Tensor, text: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of the stage that is reached."""
        small = self.first(z, text)
        return self.enlarged(small) if int(self.stage) == 1 else self.second(small, z, text)

    def _split(self, z: Tensor) -> tuple[Tensor, ...]:
        f = self.text_features
        return z[:, :f], z[:, f : 2 * f], z[:, 2 * f :]


class _Block(nn.Module):
    """Two convolutions beside which the maps pass by."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        norm = (nn.BatchNorm2d(channels), nn.BatchNorm2d(channels))
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in norm)
        self.layers = nn.Sequential(first, norm[0], nn.ReLU(), second, norm[1])

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w), as they come."""
        return F.relu(maps + self.layers(maps))


def stage_one_size(image_shape: Sequence[int] | None, scale: int) -> tuple[int, int]:
    """Channels and side of the first stage's images.

    Raises:
        ConfigError: No power of 2 divides so, or less than 8 pixels are left.
    """
    channels, side = check_image_size(image_shape)
    if scale < 2 or scale & (scale - 1) or side % (4 * scale) or side // scale < 8:
        hint = f"must be a power of 2 that leaves 8 pixels or more, and a multiple of 4, of images of {side}"
        raise ConfigError("scale", scale, hint)
    return channels, side // scale
