"""Wasserstein GAN with gradient penalty."""

from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import wasserstein_discriminator_loss, wasserstein_generator_loss
from lightning_gans.regularizers import gradient_penalty, require_sample_wise

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-4, "betas": [0.0, 0.9]}}
"""As in the paper's algorithm 1."""


class WGANGP(GAN):
    """Wasserstein GAN with gradient penalty: the critic is 1-Lipschitz because its gradient is asked to have norm 1.

        L_D = E_z[D(G(z))] - E_x[D(x)] + lambda E[(|grad D(x_hat)|_2 - 1)^2]
        L_G = -E_z[D(G(z))],    x_hat = alpha x + (1 - alpha) G(z),  alpha ~ U[0, 1]

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: The critic, without batch norm: the penalty is defined sample by sample (section 4).
        gp_weight: lambda.
        n_critic: Critic moves for one of the generator.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The critic's optimizer.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``gp_weight`` is negative, or the critic has batch norm.
    """

    log_odds = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        gp_weight: float = 10.0,
        n_critic: int = 5,
        generator_optimizer: OptimizerCallable = ADAM,
        discriminator_optimizer: OptimizerCallable = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            n_critic=n_critic,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **kwargs,
        )
        if gp_weight < 0:
            raise ConfigError("gp_weight", gp_weight, "must be 0 or more; the paper uses 10")
        require_sample_wise(discriminator)
        self.gp_weight = gp_weight

    def discriminator_loss(self, batch: Any) -> Tensor:
        """E[D(G(z))] - E[D(x)] + lambda E[(|grad D(x_hat)|_2 - 1)^2]."""
        real, fake = self.real(batch), self.fake(batch)
        loss = wasserstein_discriminator_loss(*self.judge_both(real, fake))
        alpha = self.rand(torch.rand, len(real[0]))  # (N,)
        penalty = gradient_penalty(self.judge, real, fake, alpha)
        self.note("wasserstein", -loss)
        self.note("penalty/gradient", penalty)
        return loss + self.gp_weight * penalty

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[D(G(z))]."""
        return wasserstein_generator_loss(self.judge_fake(self.fake(batch)))
