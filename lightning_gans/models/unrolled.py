"""Unrolled GAN: the generator looks ahead."""

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_gans.engine import GAN, InnerOptimizer, OwnOptimizer, under, unroll
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import minimax_discriminator_loss
from lightning_gans.regularizers import exact


class UnrolledGAN(GAN):
    """GAN whose generator descends what will be left of its gain once the discriminator has made k more moves.

        f(G, D) = E_x[log D(x)] + E_z[log(1 - D(G(z)))],    L_D = -f(G, D)
        L_G = f(G, D_k(G, D)),    D_0 = D,  D_{i+1} = D_i + eta df(G, D_i) / dD_i

    Metz et al. 2017, arXiv:1611.02163, eqs. 5 to 9. The gradient of L_G goes through the k steps, exactly: a generator
    that puts all its mass on one mode sees D move there in response, and has no gain of it. D itself makes one plain
    step a step; the unrolled ones are forgotten. With k = 0 this is ``MinimaxGAN``.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W), or to points (N, d).
        discriminator: From what it judges to logits; twice differentiable.
        unroll_steps: k.
        inner_optimizer: How the unrolled discriminator moves; its own optimizer, Adam or SGD, when None.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``unroll_steps`` is negative, D's gradient is to be clipped, or in training: its optimizer
            cannot be unrolled.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        unroll_steps: int = 5,
        inner_optimizer: InnerOptimizer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if unroll_steps < 0:
            raise ConfigError("unroll_steps", unroll_steps, "must be 0 or more; the paper uses 1 to 10")
        if self.discriminator_clip is not None:
            raise ConfigError(
                "discriminator_clip", self.discriminator_clip, "unrolled steps do not clip; leave it out"
            )
        self.unroll_steps = unroll_steps
        self.inner_optimizer = OwnOptimizer() if inner_optimizer is None else inner_optimizer

    def generator_loss(self, batch: Any) -> Tensor:
        """f(G, D_k), on the samples that D was unrolled on."""
        generated = self.fake(batch)
        with exact(self.device):  # the steps have second derivatives
            real, fake = self._whole(self.real(batch)), self._whole(generated)
            later = unroll(
                self.discriminator,
                lambda: self.unrolled_loss(real, fake),
                self.unroll_steps,
                self._discriminators_optimizer(),
                self.inner_optimizer,
            )
            return under(self.discriminator, later, lambda: self.value(real, fake))

    def value(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        """F = E[log D(x)] + E[log(1 - D(G(z)))]."""
        return -minimax_discriminator_loss(self.judge(*real), self.judge_fake(fake))

    def unrolled_loss(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        """What D would descend in its next moves: -f, and what tricks charge it."""
        real_logits, fake_logits = self.judge(*real), self.judge(*fake)
        loss = minimax_discriminator_loss(real_logits, fake_logits)
        return loss + sum(self.charges(real, fake, real_logits, fake_logits))

    def _whole(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """In the precision of the weights: what a generator makes under autocast has half of it."""
        return tuple(x.type(self.dtype) if x.is_floating_point() else x for x in inputs)

    def _discriminators_optimizer(self) -> Optimizer:
        index = [player.name for player in self._players].index("discriminator")
        return self.trainer.strategy.optimizers[index]
