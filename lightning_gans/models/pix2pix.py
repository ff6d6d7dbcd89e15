"""Image-to-image translation with a conditional GAN."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Critic, Optimization, Player, TopK, Translator, adam
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import NonSaturating, Objective
from lightning_gans.regularizers import Regularizer


class Pix2Pix(Translator):
    """pix2pix: a generator turns a source c into an image, a discriminator scores patches of the two side by side.

        L_D = -E_{c,x}[log D(c, x)] - E_c[log(1 - D(c, G(c)))]
        L_G = -E_c[log D(c, G(c))] + lambda E_{c,x}[|x - G(c)|_1]

    Isola et al. 2017, arXiv:1611.07004, eq. 1, 3 and 4, with the non-saturating generator loss of section 3.3. L1 asks
    for what is right on average, which is mean color and blur; the discriminator for what looks real. There is no z:
    the only noise is the U-Net's dropout, in training. Translations are made in eval mode, without it. L_D is the whole
    sum, as in the authors' code; the paper's division by 2 changes nothing but Adam's epsilon.

    Logged: ``reconstruction/l1``, per value in units of [-1, 1].

    Args:
        generator: From sources (N, c, H, W) to images (N, C, H, W), all in [-1, 1]: ``UNet``.
        discriminator: From images and their sources to logits (N, 1, h, w): ``PatchDiscriminator``.
        l1_weight: lambda.
        objective: What both minimize besides L1; ``NonSaturating`` when None.
        regularizers: Added to the discriminator's loss.
        augment: Done to the images that the discriminator sees, not to their sources: color, say, but no translation.
        top_k: Chooses among translations for the generator's adversarial loss; None for all.

    Raises:
        ConfigError: ``l1_weight`` is negative, or a part does not fit the others.
    """

    # Section 3.3 of the paper: Adam with rate 2e-4 and beta_1 = 0.5, which are those of ``adam``.
    defaults = Optimization(
        generator=adam(),
        discriminator=adam(),
        n_critic=1,
        n_generator=1,
        ema_decay=0.0,
        micro_batches=1,
        compile=False,
    )

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        l1_weight: float = 100.0,
        optimization: Optimization = defaults,
        objective: Objective | None = None,
        regularizers: Sequence[Regularizer] = (),
        augment: Sequence[Augment] = (),
        top_k: TopK | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, optimization=optimization, **kwargs)
        if l1_weight < 0:
            raise ConfigError("l1_weight", l1_weight, "must be 0 or more; the paper uses 100")
        self.discriminator, self.l1_weight = discriminator, l1_weight
        self.critic = Critic(discriminator, objective or NonSaturating(), regularizers, augment, top_k=top_k)

    def players(self) -> list[Player]:
        """The discriminator is updated first, then the generator."""
        o: Optimization = self.optimization
        turns: dict[str, Any] = {"interval": o.n_critic, "updates": o.n_generator}
        return [
            o.player("discriminator", self.discriminator_loss, [self.discriminator], critics=[self.critic]),
            o.player("generator", self.generator_loss, [self.generator], against=[self.critic], **turns),
        ]

    def real(self, batch: Batch) -> Sample:
        """Images with their sources."""
        return Sample(batch.image, batch.condition)

    def fake(self, batch: Batch) -> Sample:
        """Translations with the sources that they were made from."""
        return Sample(self.generator(*batch.condition.tensors()), batch.condition, generated=True)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(c, x)] - E[log(1 - D(c, G(c)))]."""
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(c, G(c))] + lambda E[|x - G(c)|_1]."""
        fake = self.fake(batch)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        l1 = F.l1_loss(fake.image.float(), batch.image)
        self.log_value("reconstruction/l1", l1)
        return adversarial + self.l1_weight * l1
