"""Adversarial autoencoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import BaseOptimization, Critic, Player, TopK, WithEncoder, adam
from lightning_gans.objectives import NonSaturating
from lightning_gans.regularizers import Regularizer


@dataclass(frozen=True)
class AAEOptimization(BaseOptimization):
    """How the players of an adversarial autoencoder learn.

    Args:
        autoencoder: The optimizer of encoder and generator in the reconstruction phase.
        encoder: The optimizer of the encoder against the discriminator.
        discriminator: The discriminator's optimizer.
        autoencoder_scheduler: Learning rate scheduler, stepped once per own update.
        encoder_scheduler: Likewise.
        discriminator_scheduler: Likewise.
        autoencoder_clip: Largest norm of the gradient, None for no clipping.
        encoder_clip: Likewise.
        discriminator_clip: Likewise.
        n_critic: Updates of the discriminator for each of the encoder against it.
    """

    autoencoder: OptimizerCallable | None = None
    encoder: OptimizerCallable | None = None
    discriminator: OptimizerCallable | None = None
    autoencoder_scheduler: LRSchedulerCallable | None = None
    encoder_scheduler: LRSchedulerCallable | None = None
    discriminator_scheduler: LRSchedulerCallable | None = None
    autoencoder_clip: float | None = None
    encoder_clip: float | None = None
    discriminator_clip: float | None = None
    n_critic: int | None = None


class AAE(WithEncoder):
    """Adversarial autoencoder: a discriminator of latents keeps the codes of images distributed as the prior.

        L_AE = E_x[mean squared error of G(E(x))]                      encoder and generator
        L_D  = -E_{z ~ p}[log D(z)] - E_x[log(1 - D(E(x)))]            discriminator
        L_E  = -E_x[log D(E(x))]                                       encoder, once more

    Makhzani et al. 2016, arXiv:1511.05644, section 2, with a deterministic encoder. Reconstruction phase first, then
    the two updates of the regularization phase. What D takes for real are draws from the prior, for fake the codes; the
    encoder plays the part of a GAN's generator, and has a second owner, the autoencoder. Any prior will do.

    Args:
        generator: The decoder: from latents (N, Z), and what is given, to images (N, C, H, W) in [-1, 1], or points.
        encoder: From images, and what is given, to latents (N, Z).
        discriminator: From latents (N, Z) to logits (N, ...).
        regularizers: Added to the discriminator's loss.
        augment: Done to the latents that the discriminator sees.
        top_k: Chooses among codes for the encoder's loss against the discriminator; None for all.
    """

    defaults = AAEOptimization(
        autoencoder=adam(1e-3, 0.9),
        encoder=adam(),
        discriminator=adam(),
        n_critic=1,
        ema_decay=0.999,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
    )

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        *,
        optimization: AAEOptimization = defaults,
        regularizers: Sequence[Regularizer] = (),
        augment: Sequence[Augment] = (),
        top_k: TopK | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, encoder, optimization=optimization, **kwargs)
        self.discriminator = discriminator
        self.critic = Critic(discriminator, NonSaturating(), regularizers, augment, top_k=top_k)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is told that what it scores are latents."""
        size = data["latent_dim"]
        if role == "discriminator":
            return {"image_shape": size and (size,)}
        return super().network_kwargs(role, data, settings)

    def players(self) -> list[Player]:
        """The autoencoder; the discriminator; the encoder alone."""
        o: AAEOptimization = self.optimization
        turns: dict[str, Any] = {"interval": o.n_critic, "against": [self.critic]}
        return [
            o.player("autoencoder", self.autoencoder_loss, [self.encoder, self.generator]),
            o.player("discriminator", self.discriminator_loss, [self.discriminator], critics=[self.critic]),
            o.player("encoder", self.encoder_loss, [self.encoder], **turns),
        ]

    def autoencoder_loss(self, batch: Batch) -> Tensor:
        """E[mean squared error of G(E(x))], a scalar."""
        rebuilt = self.generator(self.encode_train(batch), *batch.condition.tensors())
        return F.mse_loss(rebuilt.float(), batch.image)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(z)] - E[log(1 - D(E(x)))], a scalar."""
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch))

    def encoder_loss(self, batch: Batch) -> Tensor:
        """-E[log D(E(x))], a scalar."""
        return self.critic.generator_loss(self.fake(batch))

    def real(self, batch: Batch) -> Sample:
        """Draws from the prior."""
        return Sample(None, latent=self.latent(batch))  # type: ignore[arg-type] # latents alone are scored

    def fake(self, batch: Batch) -> Sample:
        """Codes of the images."""
        codes = self.encode_train(batch)
        return Sample(None, latent=codes, generated=True)  # type: ignore[arg-type] # likewise
