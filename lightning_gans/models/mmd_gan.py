"""GAN whose objective is a two-sample statistic."""

from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import wasserstein_discriminator_loss
from lightning_gans.objectives.kernels import Kernel, RationalQuadraticKernel
from lightning_gans.objectives.two_sample import witness, witness_of_samples
from lightning_gans.regularizers import gradient_penalty, require_sample_wise

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-4, "betas": [0.5, 0.9]}}
"""As in section 4 of the paper."""

FEATURES = 16
"""Outputs of the critic, as in section 4 of the paper; what the command line tells a discriminator."""


class MMDGAN(GAN):
    """MMD GAN: the critic h learns features in which a kernel tells two samples apart, the generator closes the gap.

        L_D = -MMD_u^2(h(x), h(G(z))) + lambda E[(|grad w(x_hat)|_2 - 1)^2]
        L_G =  MMD_u^2(h(x), h(G(z)))
        w(t) = E_x[k(h(t), h(x))] - E_z[k(h(t), h(G(z)))],    x_hat = alpha x + (1 - alpha) G(z),  alpha ~ U[0, 1)

    Li et al. 2017, arXiv:1705.08584, eq. 3, with the gradient penalty on the witness of Binkowski et al. 2018,
    arXiv:1801.01401, section 3, in place of the former's clipped weights and autoencoder. Logged logits are values of
    the witness at the samples, each left out of its own mean.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: h, from what it judges to features (N, K); without batch norm, as the penalty asks.
        kernel: k; a mixture of rational quadratic ones when None.
        gp_weight: lambda.
        n_critic: Critic moves for one of the generator.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The critic's optimizer.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``gp_weight`` is negative, or the critic has batch norm.
    """

    log_odds = False
    sloped = False  # the objective is about the witness, not about the sum of the features
    sample_wise = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        kernel: Kernel | None = None,
        gp_weight: float = 1.0,
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
            raise ConfigError("gp_weight", gp_weight, "must be 0 or more; the paper uses 1")
        require_sample_wise(discriminator)
        self.kernel = kernel if kernel is not None else RationalQuadraticKernel()
        self.gp_weight = gp_weight

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """A discriminator that does not say otherwise has 16 ``outputs``."""
        found = super().facts(role, facts, settings)
        return found | ({"outputs": FEATURES} if role == "discriminator" else {})

    def discriminator_loss(self, batch: Any) -> Tensor:
        """-MMD_u^2 + lambda E[(|grad w(x_hat)|_2 - 1)^2]."""
        real, fake = self.real(batch), self.fake(batch)
        x, y = self.outputs(*real), self.outputs(*fake)  # (N, K)
        kernel = self.kernel.fit(x.detach())
        loss = wasserstein_discriminator_loss(*self.weighed(real, fake, *witness_of_samples(kernel, x, y)))
        alpha = self.rand(torch.rand, len(x))  # (N,)
        penalty = gradient_penalty(lambda *t: witness(kernel, self.outputs(*t), x, y), real, fake, alpha)
        self.note("mmd", -loss)
        self.note("penalty/gradient", penalty)
        return loss + self.gp_weight * penalty

    def generator_loss(self, batch: Any) -> Tensor:
        """MMD_u^2."""
        x, y = self.outputs(*self.real(batch)), self.outputs(*self.fake(batch))
        real_scores, fake_scores = witness_of_samples(self.kernel.fit(x.detach()), x, y)
        return -wasserstein_discriminator_loss(real_scores, fake_scores)
