"""GAN that descends an f-divergence of choice."""

from typing import Any

from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.objectives.divergences import Divergence, JensenShannon


class FGAN(GAN):
    """f-GAN: the discriminator bounds an f-divergence from below, the generator descends it.

        D_f(P || Q) >= F = E_x[g_f(V(x))] - E_z[f*(g_f(V(G(z))))]
        L_D = -F
        L_G = -E_z[g_f(V(G(z)))]

    Nowozin et al. 2016, arXiv:1606.00709, eq. 4 to 6. G does not descend F itself, which is flat where V is sure of
    what is fake, but the alternative of section 3.2 with the same fixed point, which for the original GAN is -log D;
    ``SaddlePointFGAN`` descends F.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: V, from what it judges to values (N, ...), unbounded; the divergence says what becomes of them.
        divergence: One of ``lightning_gans.objectives.divergences``; Jensen and Shannon's when None.
        kwargs: As of ``GAN``.
    """

    log_odds = False

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, divergence: Divergence | None = None, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        self.divergence = divergence if divergence is not None else JensenShannon()

    def discriminator_loss(self, batch: Any) -> Tensor:
        """-E[g_f(V(x))] + E[f*(g_f(V(G(z))))]: minus the bound, which is noted as ``divergence``."""
        real_logits, fake_logits = self.judge_both(self.real(batch), self.fake(batch))
        bound = self.divergence.activation(real_logits).mean() - self.divergence.activated_conjugate(fake_logits).mean()
        self.note("divergence", bound)
        return -bound

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[g_f(V(G(z)))]: section 3.2, eq. 12."""
        return -self.divergence.activation(self.judge_fake(self.fake(batch))).mean()


class SaddlePointFGAN(FGAN):
    """f-GAN as a zero-sum game, min_G max_V F: the generator descends what the discriminator ascends.

        L_G = -E_z[f*(g_f(V(G(z))))]

    Nowozin et al. 2016, arXiv:1606.00709, algorithm 1: what its theorem of convergence is about. The arguments are
    those of ``FGAN``.
    """

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[f*(g_f(V(G(z))))]: the part of F that G can change."""
        return -self.divergence.activated_conjugate(self.judge_fake(self.fake(batch))).mean()
