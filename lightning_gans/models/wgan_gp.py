"""Wasserstein GAN with gradient penalty."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Wasserstein
from lightning_gans.regularizers import gradient_penalty, require_no_batch_statistics


class WGANGP(GAN):
    """Wasserstein GAN with gradient penalty: the critic is 1-Lipschitz because its gradient is asked to have norm 1.

        L_D = E_z[D(G(z))] - E_x[D(x)] + lambda E[(|grad D(x_hat)|_2 - 1)^2]
        L_G = -E_z[D(G(z))],    x_hat = alpha x + (1 - alpha) G(z),  alpha ~ U[0, 1]

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1. The critic has no batch norm: the penalty is defined
    sample by sample (section 4).

    Args:
        gp_weight: lambda.
        drift_weight: Of E_x[D(x)^2], which keeps logits near 0 and is added to L_D (Karras et al. 2018,
            arXiv:1710.10196, app. A.1); 0.001 there.

    Raises:
        ConfigError: A weight is negative, or the critic has batch norm.
    """

    # The rates are those of the paper's algorithm 1.
    defaults = replace(GAN.defaults, generator=adam(1e-4, 0.0, 0.9), discriminator=adam(1e-4, 0.0, 0.9), n_critic=5)

    def __init__(
        self,
        *args: Any,
        gp_weight: float = 10.0,
        drift_weight: float = 0.0,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, optimization=optimization, objective=Wasserstein(), **kwargs)
        if gp_weight < 0:
            raise ConfigError("gp_weight", gp_weight, "must be 0 or more; the paper uses 10")
        if drift_weight < 0:
            raise ConfigError("drift_weight", drift_weight, "must be 0 or more; 0 for none")
        self.check_critic()
        self.gp_weight, self.drift_weight = gp_weight, drift_weight

    def check_critic(self) -> None:
        """Refuse one that scores no sample by itself."""
        require_no_batch_statistics(self.discriminator)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """E[D(G(z))] - E[D(x)] + lambda E[(|grad D(x_hat)|_2 - 1)^2]."""
        real, fake = self.real(batch), self.fake(batch)
        real_logits = self.critic.score(real).logits
        distance = real_logits.mean() - self.critic.score(fake).logits.mean()
        alpha = self.rand(torch.rand, len(batch.image))  # (N,)
        penalty = gradient_penalty(self.critic.logits, real, fake, alpha)
        self.log_value("wasserstein", distance)
        self.log_value("penalty/gradient", penalty)
        loss = self.gp_weight * penalty - distance
        return loss + self.drift_weight * real_logits.square().mean() if self.drift_weight else loss

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[D(G(z))]."""
        return -self.critic.select(self.critic.score(self.fake(batch)).logits).mean()
