"""What models share whose discriminator scores images together with their latents."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Player, WithEncoder
from lightning_gans.models.gan import GAN


class BidirectionalGAN(WithEncoder, GAN):
    """A GAN on pairs: (x, E(x)) are real, (G(z), z) are fake, and the generator's player owns the encoder too.

    Where D cannot tell the pairs apart, E inverts G. A variant says with which losses. The generator's
    settings (optimizer, clip, ...) are the encoder's too; D scores images with latents (N, Z).
    """

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
        return super().real(batch)._replace(latent=self.encode_train(batch))

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """G(z) with z."""
        z = self.latent(batch) if z is None else z
        return super().fake(batch, z)._replace(latent=z)

    def log_reconstruction_error(self, batch: Batch, fake: Sample) -> None:
        """Log how well encoder and generator invert each other, as mean squared errors.

        ``reconstruction/image`` of G(E(x)), ``reconstruction/latent`` of E(G(z)); raw weights, eval mode.
        """
        if not self.logging_due or fake.image is None or fake.latent is None:
            return
        with torch.no_grad():
            rebuilt = self.reconstruct(batch.image, batch.condition, ema=False)
            self.log_value("reconstruction/image", F.mse_loss(rebuilt, batch.image.float()))
            found = self.encode(fake.image, batch.condition, ema=False)
            self.log_value("reconstruction/latent", F.mse_loss(found.float(), fake.latent.float()))
