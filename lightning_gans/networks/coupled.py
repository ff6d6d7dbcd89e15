"""Networks of several domains that share layers, made of DCGAN's.

Liu and Tuzel 2016, arXiv:1606.07536, section 3: generators share the layers that decode what is shown and end in layers
of their own for how it looks; discriminators begin with layers of their own and share those that see what is shown.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from lightning_gans.networks.shapes import check_positive, split_inputs


class CoupledGenerator(nn.Module):
    """DCGAN's generator with a last layer for each domain; all others are shared.

    Args:
        latent_dim: Z.
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of the last hidden map; each smaller map has twice as many.
        num_classes: Number of domains K; a sample's label is its domain.

    Raises:
        ConfigError: An impossible shape or size.

    Example:
        >>> generator = CoupledGenerator(16, (1, 8, 8), base_channels=4)
        >>> generator(torch.zeros(3, 16), torch.tensor([0, 1, 1])).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        latent_dim: int = 100,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        num_classes: int = 2,
    ) -> None:
        super().__init__()
        check_positive(num_classes=num_classes)
        networks = [DCGANGenerator(latent_dim, image_shape, base_channels) for _ in range(num_classes)]
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.project, self.shared = networks[0].project, networks[0].up[:-2]
        self.own = nn.ModuleList(network.up[-2:] for network in networks)

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z) and domains (N,)."""
        hidden = self.shared(self.project(z[:, :, None, None]))
        return _chosen([layer(hidden) for layer in self.own], rest)


class CoupledDiscriminator(nn.Module):
    """DCGAN's discriminator with a first layer for each domain; all others are shared.

    Args:
        image_shape: (C, H, W), square, 8 <= H <= 128.
        base_channels: Channels of the largest hidden map; each smaller map has twice as many.
        batch_norm: Whether hidden maps are batch normalized.
        spectral_norm: Whether every layer is spectrally normalized, in place of batch norm.
        num_classes: Number of domains K; a sample's label is its domain.

    Raises:
        ConfigError: An impossible shape or size.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 64,
        batch_norm: bool = True,
        spectral_norm: bool = False,
        num_classes: int = 2,
    ) -> None:
        super().__init__()
        check_positive(num_classes=num_classes)
        networks = [
            DCGANDiscriminator(image_shape, base_channels, batch_norm, spectral_norm) for _ in range(num_classes)
        ]
        self.num_classes = num_classes
        self.own = nn.ModuleList(network.down[:2] for network in networks)
        self.shared, self.out = networks[0].down[2:], networks[0].out

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) from images (N, C, H, W) and domains (N,)."""
        logits: Tensor = self.out(self.shared(_chosen([layer(images) for layer in self.own], rest))).flatten(1)
        return logits


def _chosen(parts: Sequence[Tensor], rest: Sequence[Tensor]) -> Tensor:
    """Of K tensors (N, ...) the row of each sample that its label (N,) says: (N, ...)."""
    _, labels = split_inputs(rest, num_classes=len(parts))
    assert labels is not None
    return torch.stack(list(parts), 1)[torch.arange(len(labels), device=labels.device), labels]
