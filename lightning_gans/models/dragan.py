"""GAN with a gradient penalty around the data."""

from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.regularizers import gradient_penalty, require_no_batch_statistics


class DRAGAN(GAN):
    """DRAGAN: the original game, with a discriminator that is asked to have slope 1 in the neighborhood of the data.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))] + lambda E[(|grad D(x + alpha delta)|_2 - 1)^2]
        L_G = -E_z[log D(G(z))],    delta = c std(x) u,  u ~ U[0, 1)^d,  alpha ~ U[0, 1)

    Kodali et al. 2017, arXiv:1705.07215, with k = 1 and the noise of the authors' code: of one sign, scaled by the
    standard deviation of the batch, where the paper writes delta ~ N(0, c I). The gradient is that of the logit, of
    each sample by itself: D has no batch norm.

    Args:
        gp_weight: lambda.
        noise_scale: c, in standard deviations of the batch's pixels.

    Raises:
        ConfigError: A setting is out of its range, or the discriminator has batch norm.
    """

    def __init__(self, *args: Any, gp_weight: float = 10.0, noise_scale: float = 0.5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if gp_weight < 0:
            raise ConfigError("gp_weight", gp_weight, "must be 0 or more; the paper uses 10")
        if noise_scale <= 0:
            raise ConfigError("noise_scale", noise_scale, "must be positive; the authors use 0.5")
        require_no_batch_statistics(self.discriminator)
        self.gp_weight, self.noise_scale = gp_weight, noise_scale

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(x)] - E[log(1 - D(G(z)))] + lambda E[(|grad D(x + alpha delta)|_2 - 1)^2]."""
        loss = super().discriminator_loss(batch)
        real, images = self.real(batch), batch.image
        noise = self.rand(torch.rand, *images.shape).type(images.dtype)
        perturbed = images + self.noise_scale * images.std() * noise
        alpha = self.rand(torch.rand, len(images))  # (N,)
        penalty = gradient_penalty(self.critic.logits, real, real._replace(image=perturbed), alpha)
        self.log_value("penalty/gradient", penalty)
        return loss + self.gp_weight * penalty
