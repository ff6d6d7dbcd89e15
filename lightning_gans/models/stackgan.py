"""Text to image in two stages."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.engine import Critic, Optimization, Player, adam
from lightning_gans.engine.ema import eval_mode
from lightning_gans.engine.priors import Normal
from lightning_gans.errors import ConfigError
from lightning_gans.models.text_to_image import MatchingAware
from lightning_gans.networks.stackgan import ConditioningAugmentation, StackGANGenerator

FIRST, SECOND = "stage1", "stage2"


@dataclass(frozen=True)
class StackGANOptimization(Optimization):
    """How the players of both stages learn; ``generator`` and ``discriminator`` are the first stage's.

    Args:
        generator2: The second stage's optimizer.
        discriminator2: That of its discriminator.
        generator2_scheduler: The generator's learning rate scheduler, stepped once per own update.
        discriminator2_scheduler: The discriminator's.
        generator2_clip: Largest norm of the generator's gradient, None for no clipping.
        discriminator2_clip: The same for the discriminator.
    """

    generator2: OptimizerCallable | None = None
    discriminator2: OptimizerCallable | None = None
    generator2_scheduler: LRSchedulerCallable | None = None
    discriminator2_scheduler: LRSchedulerCallable | None = None
    generator2_clip: float | None = None
    discriminator2_clip: float | None = None


class StackGAN(MatchingAware):
    """StackGAN: a small image from a sentence, then a large one from that and the sentence, as two phases.

        L_D = -E[log D(x, t)] - 1/2 E[log(1 - D(G(z, c), t))] - 1/2 E[log(1 - D(x, t'))]
        L_G = -E[log D(G(z, c), t)] + beta KL(N(mu(t), sigma^2(t)) || N(0, I)),    c = mu(t) + sigma(t) eps

    of each stage, the second's generator being G(s, c) with s the first's image, whose weights stand still then. Zhang
    et al. 2017, arXiv:1612.03242, eq. 3 to 6; wrong sentences as in section 3.3. As in the authors' code the KL is a
    mean over the features of c, and beta 2.

    Logged: ``kl``, in nats per feature, besides what ``GAN`` logs.

    Args:
        generator: A ``StackGANGenerator``.
        discriminator: Of the first stage's images and embeddings, to logits of any shape (N, ...).
        discriminator2: Of the second's.
        stage1_share: Share of the run that the first stage learns.
        scale: By how much the second stage's images are larger; the network's.
        kl_weight: beta.
        kwargs: As of ``MatchingAware``.

    Raises:
        ConfigError: A setting is out of its range, or the prior is not standard normal.
    """

    defaults = StackGANOptimization(
        ema_decay=0.0,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
        generator=adam(),
        discriminator=adam(),
        generator2=adam(),
        discriminator2=adam(),
        n_critic=1,
        n_generator=1,
    )
    generator: StackGANGenerator

    def __init__(
        self,
        generator: StackGANGenerator,
        discriminator: nn.Module,
        *,
        discriminator2: nn.Module,
        stage1_share: float = 0.5,
        scale: int = 2,
        kl_weight: float = 2.0,
        augment: list[Augment] | tuple[Augment, ...] = (),
        optimization: StackGANOptimization = defaults,
        **kwargs: Any,
    ) -> None:
        if not 0 < stage1_share < 1:
            raise ConfigError("stage1_share", stage1_share, "must be a share of the run between 0 and 1")
        phases = [{"name": FIRST, "share": stage1_share}, {"name": SECOND, "share": 1 - stage1_share}]
        super().__init__(generator, discriminator, augment=augment, optimization=optimization, phases=phases, **kwargs)
        if type(self.prior) is not Normal:
            hint = "latents are the conditioning augmentation's noise too: leave it standard normal"
            raise ConfigError("prior", type(self.prior).__name__, hint)
        if kl_weight < 0:
            raise ConfigError("kl_weight", kl_weight, "must be 0 or more")
        if generator.scale != scale:
            raise ConfigError("scale", scale, f"the generator's is {generator.scale}; give the same")
        self.discriminator2, self.scale, self.kl_weight = discriminator2, scale, kl_weight
        one = self.critic
        self.critic2 = Critic(discriminator2, one.objective, one.regularizers, augment, name="stage2")

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The first discriminator sees smaller images."""
        told, scale = super().network_kwargs(role, data, settings), settings.get("scale") or 2
        if role == "discriminator" and (shape := data["image_shape"]) is not None:
            told["image_shape"] = (shape[0], *(side // scale for side in shape[1:]))
        return told | ({"scale": scale} if role == "generator" else {})

    def players(self) -> list[Player]:
        """Discriminator and generator of the first stage, then of the second."""
        g, player = self.generator, self.optimization.player
        first = [replace(each, phase=FIRST) for each in super().players()]
        first[1] = replace(first[1], modules=[g.augment1, g.images])
        turns: dict[str, Any] = {"interval": self.optimization.n_critic, "updates": self.optimization.n_generator}
        second = [g.augment2, g.down, g.join, g.up]
        critics = [self.critic2]
        return [
            *first,
            player("discriminator2", self.discriminator2_loss, [self.discriminator2], critics=critics, phase=SECOND),
            player("generator2", self.generator2_loss, second, against=critics, phase=SECOND, **turns),
        ]

    def on_train_batch_start(self, *_: Any) -> None:
        """Say which stage is reached; the average begins anew with the second, whose layers are as drawn till then."""
        self.generator.stage.fill_(1 if self.phase is not None and self.phase.name == FIRST else 2)
        if self.ema is not None and self.step == self._timeline.span(SECOND)[0]:
            self.ema.restart("generator")

    # The first stage.

    def real(self, batch: Batch) -> Sample:
        """Images as small as the first stage's, by antialiased averaging."""
        return Sample(F.avg_pool2d(batch.images, self.scale), batch.condition)

    def fake(self, batch: Batch) -> Sample:
        """The first stage's images."""
        small = self.generator.first(self.latent(batch), *batch.condition.tensors())
        return Sample(small, batch.condition, generated=True)

    def generator_loss(self, batch: Batch) -> Tensor:
        """L_G of the first stage."""
        adversarial = self.critic.generator_loss(self.fake(batch), self.real(batch) if self.critic.needs_real else None)
        return adversarial + self.kl_weight * self.kl(self.generator.augment1, batch.condition)

    # The second.

    def real2(self, batch: Batch) -> Sample:
        """The images."""
        return Sample(batch.images, batch.condition)

    def fake2(self, batch: Batch) -> Sample:
        """The second stage's images, of what the first makes after training."""
        z, given = self.latent(batch), batch.condition.tensors()
        with torch.no_grad(), eval_mode(self.generator.images):
            small = self.generator.first(z, *given)
        return Sample(self.generator.second(small, z, *given), batch.condition, generated=True)

    def discriminator2_loss(self, batch: Batch) -> Tensor:
        """L_D of the second stage."""
        return self.matching_loss(self.critic2, self.real2(batch), self.fake2(batch))

    def generator2_loss(self, batch: Batch) -> Tensor:
        """L_G of the second stage."""
        real = self.real2(batch) if self.critic2.needs_real else None
        adversarial = self.critic2.generator_loss(self.fake2(batch), real)
        return adversarial + self.kl_weight * self.kl(self.generator.augment2, batch.condition)

    def kl(self, augmentation: ConditioningAugmentation, given: Condition) -> Tensor:
        """KL of a sentence's Gaussian from the standard normal one, mean over features and batch, in nats."""
        (text,) = given.tensors()
        mean, log_variance = augmentation.moments(text)
        kl = (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2
        self.log_value("kl", kl)
        return kl
