"""Convolutional networks that are given a sentence: DCGAN's, with a projected embedding beside latents and maps."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from lightning_gans.networks.layers import FeatureNetwork, initialize_normal
from lightning_gans.networks.shapes import check_positive


class TextNoise(nn.Module):
    """Gaussian noise on sentence embeddings (N, E) in training, so that networks learn its neighborhood too.

    As Ding et al. 2021, arXiv:2011.07466, have it for conditions of which most have no image: there one draw for both
    networks, here one for each call of either. StackGAN's conditioning augmentation is one for G alone, of learned
    size.

    Args:
        text_noise: Standard deviation of each number; 0 for none.

    Raises:
        ConfigError: It is negative.

    Example:
        >>> TextNoise(0.1).eval()(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    def __init__(self, text_noise: float) -> None:
        super().__init__()
        if text_noise < 0:
            raise ConfigError("text_noise", text_noise, "is a standard deviation: give 0 or more")
        self.deviation = text_noise

    def forward(self, text: Tensor) -> Tensor:
        """(N, E), as given after training."""
        return text + self.deviation * torch.randn_like(text) if self.training and self.deviation else text


class TextGenerator(nn.Module):
    """From latents and sentence embeddings to images: the embedding is projected and joins the latents.

    Reed et al. 2016, arXiv:1605.05396, section 4.1: a fully connected layer to 128 features and leaky ReLU, then
    DCGAN's layers. The residual blocks between those, which are in the authors' code, are left out.

    Args:
        latent_dim: Z.
        text_dim: E, the size of an embedding; the command line takes it from the data.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of the last hidden map; each smaller map has twice as many.
        text_features: Size of the projection.
        text_noise: Standard deviation of a ``TextNoise`` on embeddings.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> network = TextGenerator(16, 384, (3, 32, 32), base_channels=8)
        >>> network(torch.zeros(2, 16), torch.zeros(2, 384)).shape
        torch.Size([2, 3, 32, 32])
    """

    def __init__(
        self,
        latent_dim: int = 100,
        text_dim: int | None = None,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        text_features: int = 128,
        text_noise: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim, text_features=text_features)
        self.latent_dim, self.text_dim = latent_dim, check_text_dim(text_dim)
        self.text_noise = TextNoise(text_noise)
        self.project_text = nn.Sequential(nn.Linear(self.text_dim, text_features), nn.LeakyReLU(0.2))
        self.images = DCGANGenerator(latent_dim + text_features, image_shape, base_channels)

    def forward(self, z: Tensor, text: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z) and embeddings (N, E)."""
        images: Tensor = self.images(torch.cat([z, self.project_text(self.text_noise(text))], 1))
        return images


class TextDiscriminator(FeatureNetwork):
    """From images and sentence embeddings to a logit: the projected embedding joins the smallest map everywhere.

    Reed et al. 2016, arXiv:1605.05396, section 4.1: DCGAN's layers, the embedding through a fully connected layer,
    batch norm and leaky ReLU, both through a convolution of 1 x 1, then one of the size of the map.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        text_dim: E, the size of an embedding; the command line takes it from the data.
        base_channels: Channels of the largest hidden map; each smaller map has twice as many.
        text_features: Size of the projection.
        batch_norm: Whether hidden maps are batch normalized, as in the paper.
        spectral_norm: Whether every layer is spectrally normalized, in place of batch norm.
        projection: Whether the inner product of the embedding, projected, and the sum of the map before they are joined
            is added to the logit (Miyato and Koyama 2018, arXiv:1802.05637, eq. 3).
        text_noise: Standard deviation of a ``TextNoise`` on embeddings.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> network = TextDiscriminator((3, 32, 32), 384, base_channels=8)
        >>> network(torch.zeros(2, 3, 32, 32), torch.zeros(2, 384)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        text_dim: int | None = None,
        base_channels: int = 64,
        text_features: int = 128,
        batch_norm: bool = True,
        spectral_norm: bool = False,
        projection: bool = False,
        text_noise: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(text_features=text_features)
        self.text_dim, self.text_noise = check_text_dim(text_dim), TextNoise(text_noise)
        whole = DCGANDiscriminator(image_shape, base_channels, batch_norm, spectral_norm)
        channels, side, _ = whole.smallest
        self.down, self.out = whole.down, whole.out
        norms = (nn.BatchNorm1d(text_features), nn.BatchNorm2d(channels)) if batch_norm else ()
        project: list[nn.Module] = [nn.Linear(self.text_dim, text_features), *norms[:1], nn.LeakyReLU(0.2)]
        join: list[nn.Module] = [nn.Conv2d(channels + text_features, channels, 1), *norms[1:], nn.LeakyReLU(0.2)]
        self.project_text, self.join = nn.Sequential(*project), nn.Sequential(*join)
        self.projection = nn.Linear(self.text_dim, channels, bias=False) if projection else None
        self.feature_dim = channels * side * side
        self.join.apply(initialize_normal)

    def features(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """The last hidden map, flattened: (N, D)."""
        return self._joined(self.down(samples), self.text_noise(*rest)).flatten(1)

    def forward(self, samples: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) of images (N, C, H, W) and embeddings (N, E)."""
        maps, text = self.down(samples), self.text_noise(*rest)
        logits: Tensor = self.out(self._joined(maps, text)).flatten(1)
        if self.projection is None:
            return logits
        inner: Tensor = (self.projection(text) * maps.sum((2, 3))).sum(1, keepdim=True)
        return logits + inner

    def _joined(self, maps: Tensor, text: Tensor) -> Tensor:
        everywhere = self.project_text(text)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        joined: Tensor = self.join(torch.cat([maps, everywhere], 1))
        return joined


def check_text_dim(text_dim: int | None) -> int:
    """The size of an embedding.

    Raises:
        ConfigError: Not given, or not positive.
    """
    if text_dim is None:
        raise ConfigError("text_dim", None, "give the size of an embedding; the command line takes it from the data")
    if text_dim < 1:
        raise ConfigError("text_dim", text_dim, "must be positive")
    return text_dim
