"""BigGAN."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.sagan import SAGAN
from lightning_gans.regularizers import orthogonal_penalty


class BigGAN(SAGAN):
    """BigGAN: SAGAN's game with a generator that stays close to orthogonal, so that its latents can be truncated.

        L_D = E_{x,y}[max(0, 1 - f(x, y))] + E_{z,y}[max(0, 1 + f(G(z, y), y))]
        L_G = -E_{z,y}[f(G(z, y), y)] + beta sum_W |W W^T o (1 - I)|_F^2

    Brock et al. 2019, arXiv:1809.11096, section 3, eq. 3 and appendix C, whose settings are the defaults. Truncation
    (section 3.1) is that of ``generate``: each latent's entry is drawn again until it lies within the bound, and batch
    norm's statistics are estimated anew under it.

    Args:
        args: A generator and a discriminator, such as ``BigGANGenerator`` and ``SAGANDiscriminator``.
        orthogonal_weight: beta, over all linear and convolutional layers of G; 0 in the authors' scripts in PyTorch.
        optimization: How both learn.

    Raises:
        ConfigError: The weight is negative.
    """

    defaults = replace(
        SAGAN.defaults,
        ema_decay=0.9999,
        generator=adam(5e-5, 0.0, 0.999),
        discriminator=adam(2e-4, 0.0, 0.999),
        n_critic=2,
    )

    def __init__(
        self, *args: Any, orthogonal_weight: float = 1e-4, optimization: Optimization = defaults, **kwargs: Any
    ) -> None:
        super().__init__(*args, optimization=optimization, **kwargs)
        if orthogonal_weight < 0:
            raise ConfigError("orthogonal_weight", orthogonal_weight, "must be 0 or more")
        self.orthogonal_weight = orthogonal_weight

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[f(G(z, y), y)] + beta sum_W |W W^T o (1 - I)|_F^2."""
        loss = super().generator_loss(batch)
        if self.orthogonal_weight == 0:
            return loss
        penalty = orthogonal_penalty(self.generator)
        self.log_value("penalty/orthogonal", penalty)
        return loss + self.orthogonal_weight * penalty
