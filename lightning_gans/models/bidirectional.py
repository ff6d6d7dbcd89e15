"""What models share whose discriminator scores images together with their latents."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Player, WithEncoder
from lightning_gans.models.gan import GAN


class BidirectionalGAN(WithEncoder, GAN):
    """A GAN on pairs: (x, E(x)) are real, (G(z), z) are fake, and the generator's player owns the encoder too.

    Where D cannot tell the pairs apart, E inverts G. A variant says with which losses.

    Args:
        generator: As of ``GAN``.
        encoder: From images, and what is given, to latents (N, Z).
        discriminator: From images and latents, and what is given, to logits (N, ...).
        kwargs: As of ``GAN``; the generator's settings (optimizer, clip, ...) are those of its player.
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module, discriminator: nn.Module, **kwargs: Any) -> None:
        super().__init__(generator, encoder, discriminator, **kwargs)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is told the size of the latents that it is shown."""
        told = super().network_kwargs(role, data, settings)
        return told | ({"latent_dim": data["latent_dim"]} if role == "discriminator" else {})

    def players(self) -> list[Player]:
        """The discriminator, then generator and encoder as one."""
        discriminator, generator = super().players()
        return [discriminator, replace(generator, modules=[self.generator, self.encoder])]

    def real(self, batch: Batch) -> Sample:
        """Images with E(images)."""
        latent = self.encoder(batch.image, *batch.condition.tensors())  # (N, Z)
        if latent.shape[1] != self.latent_dim:
            raise self.no_latents(latent)
        return Sample(batch.image, batch.condition, latent=latent)

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """G(z) with z."""
        z = self.rand(self.prior, len(batch.image), self.latent_dim) if z is None else z
        return Sample(self.generator(z, *batch.condition.tensors()), batch.condition, latent=z, generated=True)

    def log_reconstruction_error(self, batch: Batch, fake: Sample) -> None:
        """Log how well encoder and generator invert each other, as mean squared errors.

        ``reconstruction/image`` of G(E(x)), ``reconstruction/latent`` of E(G(z)); raw weights, eval mode.

        Args:
            batch: With the images x.
            fake: G(z) with z.
        """
        if not self.logging_due or fake.image is None or fake.latent is None:
            return
        with torch.no_grad():
            rebuilt = self.reconstruct(batch.image, batch.condition, ema=False)
            self.log_value("reconstruction/image", F.mse_loss(rebuilt, batch.image.float()))
            found = self.encode(fake.image, batch.condition, ema=False)
            self.log_value("reconstruction/latent", F.mse_loss(found.float(), fake.latent.float()))
