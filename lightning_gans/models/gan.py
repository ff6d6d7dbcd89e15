"""The original game of two."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Critic, Game, LatentModel, Optimization, Player, TopK, adam
from lightning_gans.objectives import Minimax, NonSaturating, Objective
from lightning_gans.regularizers import Regularizer


class Adversarial(Game):
    """A game of a discriminator and a generator; to be mixed in before what generates, from latents or from images.

    Args:
        generator: From latents (N, Z) or sources, and what is given, to images (N, C, H, W) in [-1, 1], or points.
        discriminator: From images, and what is given, to logits of any shape (N, ...).
        optimization: How both learn.
        objective: What both minimize; ``NonSaturating`` when None.
        regularizers: Added to the discriminator's loss.
        augment: Done to the images that the discriminator sees, in this order, and not to sources shown beside them.
        top_k: Chooses among generated samples for the generator's loss; None for all.

    Raises:
        ConfigError: A setting is out of its range, or a part does not fit the others.
    """

    generator: nn.Module
    defaults = Optimization(
        ema_decay=0.999,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
        generator=adam(),
        discriminator=adam(),
        n_critic=1,
        n_generator=1,
    )

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        optimization: Optimization = defaults,
        objective: Objective | None = None,
        regularizers: Sequence[Regularizer] = (),
        augment: Sequence[Augment] = (),
        top_k: TopK | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, optimization=optimization, **kwargs)  # type: ignore[call-arg] # mixed in
        self.discriminator = discriminator
        self.critic = Critic(discriminator, objective or NonSaturating(), regularizers, augment, top_k=top_k)

    def players(self) -> list[Player]:
        """The discriminator is updated first, then the generator."""
        o: Optimization = self.optimization
        turns: dict[str, Any] = {"interval": o.n_critic, "updates": o.n_generator}
        return [
            o.player("discriminator", self.discriminator_loss, [self.discriminator], critics=[self.critic]),
            o.player("generator", self.generator_loss, [self.generator], against=[self.critic], **turns),
        ]

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """What the discriminator minimizes, a scalar; the engine adds the regularizers."""
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """What the generator minimizes, a scalar."""
        real = self.real(batch) if self.critic.needs_real else None
        return self.critic.generator_loss(self.fake(batch), real)

    # The seams that variants override.

    def real(self, batch: Batch) -> Sample:
        """What the discriminator scores of a batch."""
        return Sample(batch.image, batch.condition)

    def fake(self, batch: Batch) -> Sample:
        """What the discriminator scores of as many generated samples."""
        return Sample(self.generator(*batch.condition.tensors()), batch.condition, generated=True)


class GAN(Adversarial, LatentModel):
    """Generative adversarial network with the non-saturating generator loss, or any other objective.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1 and section 3. With logits l, -log D = softplus(-l) and
    -log(1 - D) = softplus(l).

    Args:
        generator: From latents (N, Z), and what is given, to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: From images, and what is given, to logits of any shape (N, ...).
        kwargs: As of ``Adversarial`` and ``LatentModel``.
    """

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """What the discriminator scores of as many generated samples, of latents (N, Z) or of new ones."""
        z = self.latent(batch) if z is None else z
        return Sample(self.generator(z, *batch.condition.tensors()), batch.condition, generated=True)


class MinimaxGAN(GAN):
    """Generative adversarial network as a zero-sum game: the generator descends what the discriminator ascends.

        min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. Where D is sure that samples are fake, log(1 - D) is flat and G
    learns nothing; that is why the paper trains with -log D instead, which is ``GAN``. Both players' gradients
    are those of one value here: what theory speaks of, and an experiment worth seeing once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, objective=Minimax(), **kwargs)
