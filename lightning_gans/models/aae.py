"""Adversarial autoencoder."""

from dataclasses import replace
from typing import Any

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.engine import GAN, Inference, Player

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-3}}
GAN_ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999]}}


class AAE(Inference, GAN):
    """Adversarial autoencoder: a discriminator of latents keeps the codes of images distributed as the prior.

        L_AE = E_x[mean squared error of G(E(x))]                      encoder and generator
        L_D  = -E_{z ~ p}[log D(z)] - E_x[log(1 - D(E(x)))]            discriminator
        L_E  = -E_x[log D(E(x))]                                       encoder, once more

    Makhzani et al. 2016, arXiv:1511.05644, section 2, with a deterministic encoder. Reconstruction phase first, then
    the two moves of the regularization phase. What D takes for real are draws from the prior, for fake the codes; the
    encoder plays the part of a GAN's generator, and has a second owner, the autoencoder. Any prior will do.

    Args:
        generator: The decoder: from latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: From images to latents (N, Z).
        discriminator: From latents (N, Z) to logits (N, ...).
        autoencoder_optimizer: The optimizer of encoder and generator in the reconstruction phase.
        autoencoder_scheduler: Its learning rate scheduler, stepped once per step.
        autoencoder_clip: Largest norm of their gradient, None for no clipping.
        encoder_optimizer: The optimizer of the encoder against the discriminator.
        encoder_scheduler: Its learning rate scheduler.
        encoder_clip: Largest norm of its gradient there.
        discriminator_optimizer: The discriminator's optimizer.
        n_critic: The encoder moves against the discriminator in every n-th step.
        kwargs: As of ``GAN``.
    """

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        *,
        autoencoder_optimizer: OptimizerCallable = ADAM,
        autoencoder_scheduler: LRSchedulerCallable | None = None,
        autoencoder_clip: float | None = None,
        encoder_optimizer: OptimizerCallable = GAN_ADAM,
        encoder_scheduler: LRSchedulerCallable | None = None,
        encoder_clip: float | None = None,
        discriminator_optimizer: OptimizerCallable = GAN_ADAM,
        n_critic: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            encoder,
            discriminator,
            generator_optimizer=encoder_optimizer,  # the encoder is what the discriminator plays against
            generator_scheduler=encoder_scheduler,
            generator_clip=encoder_clip,
            discriminator_optimizer=discriminator_optimizer,
            n_critic=n_critic,
            **kwargs,
        )
        self.autoencoder_optimizer = autoencoder_optimizer
        self.autoencoder_scheduler, self.autoencoder_clip = autoencoder_scheduler, autoencoder_clip

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is told that what it judges are latents."""
        found = super().facts(role, facts, settings)
        size = found["latent_dim"]
        return found | {"image_shape": size and (size,)} if role == "discriminator" else found

    def players(self) -> list[Player]:
        """The autoencoder; the discriminator; the encoder alone."""
        discriminator, generator = super().players()
        spec, clip, scheduler = self.autoencoder_optimizer, self.autoencoder_clip, self.autoencoder_scheduler
        modules = [self.encoder, self.generator]
        autoencoder = Player("autoencoder", self.autoencoder_loss, modules, spec, clip=clip, scheduler=scheduler)
        return [autoencoder, discriminator, replace(generator, name="encoder", modules=[self.encoder])]

    def autoencoder_loss(self, batch: Any) -> Tensor:
        """E[mean squared error of G(E(x))], a scalar."""
        images = self.images(batch)
        return F.mse_loss(self.generator(self.infer(images)).float(), images)

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """(draws from the prior,)."""
        return (self.latent(batch),)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(codes of the images,), or of those that are made of ``z``."""
        return (self.infer(self.images(batch) if z is None else self.generator(z)),)
