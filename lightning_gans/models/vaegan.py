"""VAE-GAN."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Optimization, Player, WithGaussianEncoder, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import NonSaturating, gaussian_kl, minimax_discriminator_loss, minimax_generator_loss


@dataclass(frozen=True)
class VAEGANOptimization(Optimization):
    """How encoder, generator and discriminator learn.

    Args:
        encoder: The encoder's optimizer.
        encoder_scheduler: Its learning rate scheduler, stepped once per own update.
        encoder_clip: Largest norm of its gradient, None for no clipping.
    """

    encoder: OptimizerCallable | None = None
    encoder_scheduler: LRSchedulerCallable | None = None
    encoder_clip: float | None = None


class _RebuiltAndDrawn(NonSaturating):
    """D's loss has a term for rebuilt images and one for drawn ones, of which ``fake`` holds N each; so has G's."""

    mean_over_samples = False  # the samples are compared with their images too, whatever is chosen among their logits

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        rebuilt, drawn = fake.chunk(2)
        return minimax_discriminator_loss(real, rebuilt) - minimax_generator_loss(drawn)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return 2 * super().generator(fake)  # both halves have one mean


class VAEGAN(WithGaussianEncoder, GAN):
    """VAE-GAN: a variational autoencoder that measures its reconstructions in the features of a discriminator.

        L_E = KL(q(z | x) || N(0, I)) + L_like,          L_like = -E_q[log N(Dis_l(x); Dis_l(G(z)), I)]
        L_G = gamma L_like - E_q[log D(G(z))] - E_p[log D(G(z_p))]
        L_D = -E_x[log D(x)] - E_q[log(1 - D(G(z)))] - E_p[log(1 - D(G(z_p)))]

    Larsen et al. 2016, arXiv:1512.09300, eq. 7 to 9 and algorithm 1; z ~ q(z | x), z_p ~ N(0, I), Dis_l is
    ``discriminator.features(images)``, (N, ...). The generator's adversarial terms are the non-saturating ones. The
    players are updated in turn, each with noise of its own, where algorithm 1 updates all on the same draw.

    Logged, per image: ``kl``, ``reconstruction/features`` (L_like without its constant), both in nats, and
    ``reconstruction/image``, the mean squared error.

    Args:
        gamma: What likeness counts against the discriminator in the generator's loss.

    Raises:
        ConfigError: ``gamma`` is negative, or the discriminator has no features.
    """

    defaults = VAEGANOptimization(
        generator=adam(3e-4, 0.9),
        discriminator=adam(3e-4, 0.9),
        encoder=adam(3e-4, 0.9),
        n_critic=1,
        n_generator=1,
        ema_decay=0.999,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
    )

    def __init__(
        self, *args: Any, gamma: float = 1.0, optimization: VAEGANOptimization = defaults, **kwargs: Any
    ) -> None:
        super().__init__(*args, optimization=optimization, objective=_RebuiltAndDrawn(), **kwargs)
        if gamma < 0:
            raise ConfigError("gamma", gamma, "must be 0 or more")
        if not callable(getattr(self.discriminator, "features", None)):
            hint = "give it a method features(images): likeness is measured in that layer"
            raise ConfigError("discriminator", type(self.discriminator).__name__, hint)
        self.gamma = gamma

    def players(self) -> list[Player]:
        """The discriminator, the encoder, then the generator."""
        discriminator, generator = super().players()
        return [discriminator, self.optimization.player("encoder", self.encoder_loss, [self.encoder]), generator]

    def encoder_loss(self, batch: Batch) -> Tensor:
        """KL(q(z | x) || N(0, I)) + L_like, a scalar."""
        mean, log_variance = self.posterior(batch)
        rebuilt = self.generator(self.reparameterize(mean, log_variance), *batch.condition.tensors())
        kl = gaussian_kl(mean, log_variance).mean()
        reconstruction = self.feature_reconstruction_loss(batch, rebuilt)
        self.log_value("kl", kl)
        self.log_latents(mean, log_variance)
        self.log_value("reconstruction/features", reconstruction)
        self.log_value("reconstruction/image", F.mse_loss(rebuilt, batch.image))
        return kl + reconstruction

    def generator_loss(self, batch: Batch) -> Tensor:
        """Gamma L_like - E_q[log D(G(z))] - E_p[log D(G(z_p))], a scalar."""
        fake = self.fake(batch)
        assert fake.image is not None
        adversarial = self.critic.generator_loss(fake)
        return self.gamma * self.feature_reconstruction_loss(batch, fake.image[: batch.size]) + adversarial

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """N rebuilt images, then N made of latents of the prior, (2 N, ...)."""
        drawn = self.encode_train(batch)
        twice = batch._replace(condition=batch.condition.map(lambda t: torch.cat([t, t])))
        return super().fake(twice, torch.cat([drawn, self.latent(batch) if z is None else z]))

    def feature_reconstruction_loss(self, batch: Batch, rebuilt: Tensor) -> Tensor:
        """L_like without its constant: half the squared distance in the discriminator's features, a scalar."""
        features: Callable[..., Tensor] = self.discriminator.features  # type: ignore[assignment] # of a Module
        given = batch.condition.tensors()
        real, fake = (features(each, *given).float().flatten(1) for each in (batch.image, rebuilt))  # (N, D)
        return (real - fake).square().sum(1).mean() / 2
