"""GAN whose objective is a two-sample statistic."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import Critic, Optimization, adam, discriminator_auc
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives.kernels import Kernel, RationalQuadraticKernel
from lightning_gans.objectives.two_sample import witness, witness_of_samples
from lightning_gans.regularizers import gradient_penalty, require_no_batch_statistics


class MMDGAN(GAN):
    """MMD GAN: the critic h learns features in which a kernel tells two samples apart, the generator closes the gap.

        L_D = -MMD_u^2(h(x), h(G(z))) + lambda E[(|grad w(x_hat)|_2 - 1)^2]
        L_G =  MMD_u^2(h(x), h(G(z)))
        w(t) = E_x[k(h(t), h(x))] - E_z[k(h(t), h(G(z)))],    x_hat = alpha x + (1 - alpha) G(z),  alpha ~ U[0, 1)

    Li et al. 2017, arXiv:1705.08584, eq. 3, with the gradient penalty on the witness of Binkowski et al. 2018,
    arXiv:1801.01401, section 3, in place of the former's clipped weights and autoencoder. The discriminator is h, from
    images to features (N, K), without batch norm, as the penalty asks. Logged logits are values of the witness at the
    samples, each left out of its own mean.

    Args:
        kernel: k; a mixture of rational quadratic ones when None.
        gp_weight: lambda.

    Raises:
        ConfigError: ``gp_weight`` is negative, the critic has batch norm, or a regularizer of logits is asked for.
    """

    # The rates are those of section 4 of the paper.
    defaults = replace(GAN.defaults, generator=adam(1e-4, 0.5, 0.9), discriminator=adam(1e-4, 0.5, 0.9), n_critic=5)

    def __init__(
        self,
        *args: Any,
        kernel: Kernel | None = None,
        gp_weight: float = 1.0,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, optimization=optimization, **kwargs)
        if gp_weight < 0:
            raise ConfigError("gp_weight", gp_weight, "must be 0 or more; the paper uses 1")
        require_no_batch_statistics(self.discriminator)
        given = self.critic
        self.critic = Critic(self.discriminator, None, given.regularizers, given.augment, top_k=given.top_k)
        self.kernel = kernel if kernel is not None else RationalQuadraticKernel()
        self.gp_weight = gp_weight

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """A discriminator that does not say otherwise has 16 ``out_features``, as in section 4 of the paper."""
        told = super().network_kwargs(role, data, settings)
        return told | ({"out_features": 16} if role == "discriminator" else {})

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-MMD_u^2 + lambda E[(|grad w(x_hat)|_2 - 1)^2]."""
        real, fake = self.real(batch), self.fake(batch)
        x, y = self.critic.logits(real), self.critic.logits(fake)  # (N, K), features
        kernel = self.kernel.fit(x.detach())
        real_scores, fake_scores = witness_of_samples(kernel, x, y)  # (N,)
        mmd = real_scores.mean() - fake_scores.mean()
        alpha = self.rand(torch.rand, len(x))  # (N,)
        penalty = gradient_penalty(lambda s: witness(kernel, self.critic.logits(s), x, y), real, fake, alpha)
        self.log_value("logits/real", real_scores)
        self.log_value("logits/fake", fake_scores)
        if self.logging_due:
            self.log_value("accuracy/discriminator", discriminator_auc(real_scores.detach(), fake_scores.detach()))
        self.log_value("mmd", mmd)
        self.log_value("penalty/gradient", penalty)
        return self.gp_weight * penalty - mmd

    def generator_loss(self, batch: Batch) -> Tensor:
        """MMD_u^2."""
        x, y = self.critic.logits(self.real(batch)), self.critic.logits(self.fake(batch))
        real_scores, fake_scores = witness_of_samples(self.kernel.fit(x.detach()), x, y)
        return real_scores.mean() - fake_scores.mean()
