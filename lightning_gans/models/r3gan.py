"""Relativistic GAN with both zero-centered gradient penalties."""

from typing import Any

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import relativistic_discriminator_loss, relativistic_generator_loss
from lightning_gans.regularizers import r1_penalty, r2_penalty, require_sample_wise

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.0, 0.99]}}
"""Without momentum, as the paper has it."""


class R3GAN(GAN):
    """R3GAN's objective: real and generated samples are judged in pairs, and D is flat on both.

        L_D = E[softplus(-(D(x) - D(G(z))))] + gamma / 2 (E[|grad D(x)|^2] + E[|grad D(G(z))|^2])
        L_G = E[softplus(-(D(G(z)) - D(x)))]

    Huang et al. 2024, arXiv:2501.05441, section 2: the relativistic pairing loss against dropped modes, R1 and R2
    together for local convergence. The paper's residual networks are not part of the objective, and not built here.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: From what it judges to logits, without batch norm: the penalties are defined sample by sample.
        gamma: Weight of the penalties; the paper lets it fall, from 0.05 to 0.005 on CIFAR-10, from more on larger
            images.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The discriminator's optimizer.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``gamma`` is negative, or the discriminator has batch norm.
    """

    log_odds = False
    sample_wise = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        gamma: float = 1.0,
        generator_optimizer: OptimizerCallable = ADAM,
        discriminator_optimizer: OptimizerCallable = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **kwargs,
        )
        if gamma < 0:
            raise ConfigError("gamma", gamma, "must be 0 or more")
        require_sample_wise(discriminator)
        self.gamma = gamma

    def discriminator_loss(self, batch: Any) -> Tensor:
        """E[softplus(-(D(x) - D(G(z))))] + gamma / 2 (R1 + R2)."""
        real, fake = self.real(batch), self.fake(batch)
        loss = relativistic_discriminator_loss(*self.judge_both(real, fake))
        r1, r2 = r1_penalty(self.judge, real), r2_penalty(self.judge, fake)
        self.note("penalty/r1", r1)
        self.note("penalty/r2", r2)
        return loss + self.gamma / 2 * (r1 + r2)

    def generator_loss(self, batch: Any) -> Tensor:
        """E[softplus(-(D(G(z)) - D(x)))]."""
        return relativistic_generator_loss(self.judge(*self.real(batch)), self.judge_fake(self.fake(batch)))
