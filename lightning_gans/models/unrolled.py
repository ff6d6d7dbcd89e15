"""Unrolled GAN."""

from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import InnerOptimizer, SameOptimizer, functional_call_with, unroll
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.regularizers import differentiable, no_autocast_eager


class UnrolledGAN(GAN):
    """GAN whose generator descends what will be left of its gain once the discriminator has had k more updates.

        f(G, D) = E_x[log D(x)] + E_z[log(1 - D(G(z)))],    L_D = -f(G, D)
        L_G = f(G, D_k(G, D)),    D_0 = D,  D_{i+1} = D_i + eta df(G, D_i) / dD_i

    Metz et al. 2017, arXiv:1611.02163, eqs. 5 to 9. The gradient of L_G goes through the k steps, exactly: a generator
    that puts all its mass on one mode sees D move there in response, and has no gain of it. D itself makes one plain
    update a step; the unrolled ones are forgotten. D is twice differentiable. With k = 0 this is ``MinimaxGAN``.

    Args:
        unroll_steps: k.
        inner_optimizer: How the unrolled discriminator learns; its own optimizer, Adam or SGD, when None.

    Raises:
        ConfigError: ``unroll_steps`` is negative, D's gradient is to be clipped, or in training: its optimizer
            cannot be unrolled.
    """

    def __init__(
        self, *args: Any, unroll_steps: int = 5, inner_optimizer: InnerOptimizer | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if unroll_steps < 0:
            raise ConfigError("unroll_steps", unroll_steps, "must be 0 or more; the paper uses 1 to 10")
        if (clip := self.optimization.discriminator_clip) is not None:
            raise ConfigError("optimization.discriminator_clip", clip, "unrolled steps do not clip; leave it out")
        self.unroll_steps = unroll_steps
        self.inner_optimizer = SameOptimizer() if inner_optimizer is None else inner_optimizer

    def generator_loss(self, batch: Batch) -> Tensor:
        """f(G, D_k), on the samples that D was unrolled on."""
        generated = self.fake(batch)
        with no_autocast_eager(self.device):  # the steps have second derivatives
            # In the precision of the weights: what a generator makes under autocast has half of it.
            real, fake = (each.map(lambda x: x.type(self.dtype)) for each in (self.real(batch), generated))
            later = unroll(
                self.discriminator,
                lambda: self.unrolled_loss(real, fake),
                self.unroll_steps,
                self.optimizer_of("discriminator"),
                self.inner_optimizer,
            )
            return functional_call_with(self.discriminator, later, lambda: self.objective(real, fake))

    def objective(self, real: Sample, fake: Sample) -> Tensor:
        """F = E[log D(x)] + E[log(1 - D(G(z)))]."""
        real_scored, fake_scored = self.critic.score(real), self.critic.score(fake)
        chosen = fake_scored._replace(logits=self.critic.select(fake_scored.logits))
        return -self.critic.discriminator_loss(real_scored, chosen)

    def unrolled_loss(self, real: Sample, fake: Sample) -> Tensor:
        """What D would minimize in its next updates: -f, and its regularizers."""
        real_scored, fake_scored = (self.critic.score(differentiable(each)) for each in (real, fake))
        loss = self.critic.discriminator_loss(real_scored, fake_scored)
        added = self.critic.regularization(real_scored, fake_scored)
        return loss if added is None else loss + added
