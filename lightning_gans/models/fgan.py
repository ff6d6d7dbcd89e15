"""GAN that descends an f-divergence of choice."""

from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Divergence, FDivergence


class FGAN(GAN):
    """f-GAN: the discriminator bounds an f-divergence from below, the generator descends it.

        D_f(P || Q) >= F = E_x[g_f(V(x))] - E_z[f*(g_f(V(G(z))))]
        L_D = -F
        L_G = -E_z[g_f(V(G(z)))]

    Nowozin et al. 2016, arXiv:1606.00709, eq. 4 to 6. G does not descend F itself, which is flat where V is sure of
    what is fake, but the alternative of section 3.2 with the same fixed point, which for the original GAN is -log D;
    ``SaddlePointFGAN`` descends F. V's logits are unbounded, the divergence says what becomes of them.

    Args:
        divergence: One of ``lightning_gans.objectives.divergences``; Jensen and Shannon's when None.
    """

    saddle_point = False

    def __init__(self, *args: Any, divergence: Divergence | None = None, **kwargs: Any) -> None:
        super().__init__(*args, objective=FDivergence(divergence, self.saddle_point), **kwargs)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[g_f(V(x))] + E[f*(g_f(V(G(z))))]: minus the bound, which is logged as ``divergence``."""
        loss = super().discriminator_loss(batch)
        self.log_value("divergence", -loss)
        return loss


class SaddlePointFGAN(FGAN):
    """f-GAN as a zero-sum game, min_G max_V F: the generator descends what the discriminator ascends.

        L_G = -E_z[f*(g_f(V(G(z))))]

    Nowozin et al. 2016, arXiv:1606.00709, algorithm 1: what its theorem of convergence is about.
    """

    saddle_point = True
