"""What games share whose discriminator judges images together with their latents."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.batch import images_of
from lightning_gans.models.gan import GAN
from lightning_gans.engine.inference import Inference
from lightning_gans.engine.player import Player


class BidirectionalGAN(Inference, GAN):
    """A GAN on pairs: (x, E(x)) are real, (G(z), z) are fake, and the generator's player owns the encoder too.

    Where D cannot tell the pairs apart, E inverts G. A variant says with which losses.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: From images to latents (N, Z).
        discriminator: From images and latents to logits (N, ...).
        kwargs: As of ``GAN``; the generator's settings (optimizer, clip, ...) are those of its player.
    """

    def __init__(self, generator: nn.Module, encoder: nn.Module, discriminator: nn.Module, **kwargs: Any) -> None:
        super().__init__(generator, encoder, discriminator, **kwargs)

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is told of ``codes``, the size of the latents."""
        found = super().facts(role, facts, settings)
        return found | {"codes": found["latent_dim"]} if role == "discriminator" else found

    def players(self) -> list[Player]:
        """The discriminator, then generator and encoder as one."""
        discriminator, generator = super().players()
        return [discriminator, replace(generator, modules=[self.generator, self.encoder])]

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """(images, E(images))."""
        (images,) = super().real(batch)
        return images, self.infer(images)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(G(z), z)."""
        z = self.latent(batch) if z is None else z
        return *super().fake(batch, z), z

    def note_inversion(self, batch: Any, fake: tuple[Tensor, ...]) -> None:
        """Log how well encoder and generator invert each other, as mean squared errors.

        ``reconstruction/image`` of G(E(x)), ``reconstruction/latent`` of E(G(z)); raw weights, eval mode.

        Args:
            batch: With the images x.
            fake: (G(z), z).
        """
        if not self.noting:
            return
        images, (made, z) = images_of(batch), fake
        with torch.no_grad():
            self.note("reconstruction/image", F.mse_loss(self.reconstruct(images, ema=False), images.float()))
            self.note("reconstruction/latent", F.mse_loss(self.encode(made, ema=False).float(), z.float()))
