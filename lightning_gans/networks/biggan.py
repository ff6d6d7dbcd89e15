"""BigGAN's generator; its discriminator is SAGAN's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.sagan import ConditionalBatchNorm2d, ConditionalSynthesis, num_doublings, orthonormalized
from lightning_gans.networks.shapes import check_not_negative, check_positive, split_inputs


class BigGANGenerator(nn.Module):
    """BigGAN's generator: a part of the latents for each block, beside a class embedding that all blocks share.

    Brock et al. 2019, arXiv:1809.11096, section 3 and appendix B, figure 15. The latents are split into equal chunks,
    for the first layer and for each block; scale and shift of a block's batch norms are linear in its chunk, joined
    with the embedding.

    Args:
        latent_dim: Z: a multiple of the number of chunks, which is 4 at 32 pixels, 6 at 128.
        image_shape: (C, H, H) with H = 8, 16, ..., 256.
        base_channels: Channels in units of 1 to 16, or of 4 for images below 64 pixels; 96 in the paper.
        attention: Side of the maps with attention; None for none.
        embedding_dim: Size of the class embedding; 128 in the paper.
        num_classes: K; 0 or None for a network without labels.

    Raises:
        ConfigError: An impossible shape or size, latents that cannot be split, or no map has the side of the attention.
    """

    def __init__(
        self,
        latent_dim: int = 120,
        image_shape: Sequence[int] | None = None,
        base_channels: int = 96,
        attention: int | None = 64,
        embedding_dim: int = 128,
        num_classes: int | None = 0,
    ) -> None:
        super().__init__()
        check_positive(latent_dim=latent_dim, base_channels=base_channels, embedding_dim=embedding_dim)
        check_not_negative(num_classes=num_classes)
        chunks = 1 + num_doublings(image_shape)
        if latent_dim % chunks:
            hint = f"must be a multiple of {chunks}: a chunk for the first layer and for each of {chunks - 1} blocks"
            raise ConfigError("latent_dim", latent_dim, hint)
        self.latent_dim, self.num_classes, self.chunk = latent_dim, num_classes or 0, latent_dim // chunks
        self.embedding = nn.Embedding(self.num_classes, embedding_dim) if self.num_classes else None
        self.condition_dim = self.chunk + (embedding_dim if self.num_classes else 0)
        self.synthesis = ConditionalSynthesis(self.chunk, self._norm, image_shape, base_channels, attention)

    def forward(self, z: Tensor, *rest: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, Z), and labels (N,) where there are classes."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        first, *chunks = z.split(self.chunk, dim=1)
        if self.embedding is not None:
            embedded = self.embedding(labels)
            chunks = [torch.cat([embedded, chunk], dim=1) for chunk in chunks]
        images: Tensor = self.synthesis(first, chunks)
        return images

    def _norm(self, channels: int) -> nn.Module:
        gain, shift = (orthonormalized(nn.Linear(self.condition_dim, channels, bias=False)) for _ in range(2))
        return ConditionalBatchNorm2d(channels, gain, shift)
