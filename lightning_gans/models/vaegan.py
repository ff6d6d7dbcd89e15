"""VAE-GAN."""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.engine import GAN, Player, Variational
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import (
    gaussian_kl,
    minimax_discriminator_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
)

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 3e-4}}


class VAEGAN(Variational, GAN):
    """VAE-GAN: a variational autoencoder that measures its reconstructions in the features of a discriminator.

        L_E = KL(q(z | x) || N(0, I)) + L_like,          L_like = -E_q[log N(Dis_l(x); Dis_l(G(z)), I)]
        L_G = gamma L_like - E_q[log D(G(z))] - E_p[log D(G(z_p))]
        L_D = -E_x[log D(x)] - E_q[log(1 - D(G(z)))] - E_p[log(1 - D(G(z_p)))]

    Larsen et al. 2016, arXiv:1512.09300, eq. 7 to 9 and algorithm 1; z ~ q(z | x), z_p ~ N(0, I), Dis_l is
    ``discriminator.features``. The generator's adversarial terms are the non-saturating ones. The players move in
    turn, each with noise of its own, where algorithm 1 moves all on the same draw.

    Logged, per image: ``kl``, ``reconstruction/features`` (L_like without its constant), both in nats, and
    ``reconstruction/image``, the mean squared error.

    Args:
        generator: The decoder: from latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: From images to (N, 2 Z): means and logarithms of the variances.
        discriminator: From images to logits, by way of ``features(images)``, (N, ...).
        gamma: What likeness counts against the discriminator in the generator's loss.
        encoder_optimizer: The encoder's optimizer.
        encoder_scheduler: Its learning rate scheduler, stepped once per step.
        encoder_clip: Largest norm of its gradient, None for no clipping.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The discriminator's optimizer.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``gamma`` is negative, or the discriminator has no features.
    """

    sample_wise = False  # the samples are compared with their images too, whatever a trick does to their logits

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        *,
        gamma: float = 1.0,
        encoder_optimizer: OptimizerCallable = ADAM,
        encoder_scheduler: LRSchedulerCallable | None = None,
        encoder_clip: float | None = None,
        generator_optimizer: OptimizerCallable = ADAM,
        discriminator_optimizer: OptimizerCallable = ADAM,
        **kwargs: Any,
    ) -> None:
        kwargs |= {"generator_optimizer": generator_optimizer, "discriminator_optimizer": discriminator_optimizer}
        super().__init__(generator, encoder, discriminator, **kwargs)
        if gamma < 0:
            raise ConfigError("gamma", gamma, "must be 0 or more")
        if not callable(getattr(discriminator, "features", None)):
            hint = "give it a method features(images): likeness is measured in that layer"
            raise ConfigError("discriminator", type(discriminator).__name__, hint)
        self.gamma = gamma
        self.encoder_optimizer = encoder_optimizer
        self.encoder_scheduler, self.encoder_clip = encoder_scheduler, encoder_clip

    def players(self) -> list[Player]:
        """The discriminator, the encoder, then the generator."""
        discriminator, generator = super().players()
        spec, clip, scheduler = self.encoder_optimizer, self.encoder_clip, self.encoder_scheduler
        encoder = Player("encoder", self.encoder_loss, [self.encoder], spec, clip=clip, scheduler=scheduler)
        return [discriminator, encoder, generator]

    def encoder_loss(self, batch: Any) -> Tensor:
        """KL(q(z | x) || N(0, I)) + L_like, a scalar."""
        images = self.images(batch)
        mean, log_variance = self.posterior(images)
        rebuilt = self.generator(self.draw(mean, log_variance))
        kl, unlikeness = gaussian_kl(mean, log_variance).mean(), self.unlikeness(images, rebuilt)
        self.note("kl", kl)
        self.note("reconstruction/features", unlikeness)
        self.note("reconstruction/image", F.mse_loss(rebuilt, images))
        return kl + unlikeness

    def generator_loss(self, batch: Any) -> Tensor:
        """Gamma L_like - E_q[log D(G(z))] - E_p[log D(G(z_p))], a scalar."""
        images, fake = self.images(batch), self.fake(batch)
        adversarial = 2 * non_saturating_generator_loss(self.judge_fake(fake))  # both halves have one mean
        return self.gamma * self.unlikeness(images, fake[0][: len(images)]) + adversarial

    def discriminator_loss(self, batch: Any) -> Tensor:
        """-E[log D(x)] - E_q[log(1 - D(G(z)))] - E_p[log(1 - D(G(z_p)))], a scalar."""
        real_logits, fake_logits = self.judge_both(self.real(batch), self.fake(batch))
        rebuilt_logits, made_logits = fake_logits.chunk(2)
        return minimax_discriminator_loss(real_logits, rebuilt_logits) - minimax_generator_loss(made_logits)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(images,): N rebuilt ones, then N made of latents of the prior, (2 N, ...)."""
        drawn = self.draw(*self.posterior(self.images(batch)))
        return super().fake(batch, torch.cat([drawn, self.latent(batch) if z is None else z]))

    def unlikeness(self, images: Tensor, rebuilt: Tensor) -> Tensor:
        """L_like without its constant: half the squared distance in the discriminator's features, a scalar."""
        features: Callable[[Tensor], Tensor] = self.discriminator.features  # type: ignore[assignment] # of a Module
        real, fake = (features(each).float().flatten(1) for each in (images, rebuilt))  # (N, D)
        return (real - fake).square().sum(1).mean() / 2
