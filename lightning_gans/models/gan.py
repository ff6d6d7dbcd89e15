"""The original game, with the generator loss of its first equation."""

from typing import Any

from torch import Tensor

from lightning_gans.engine import GAN
from lightning_gans.objectives import minimax_generator_loss


class MinimaxGAN(GAN):
    """Generative adversarial network as a zero-sum game: the generator descends what the discriminator ascends.

        min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. Where D is sure that samples are fake, log(1 - D) is flat and G
    learns nothing; that is why the paper trains with -log D instead, which is ``GAN``. Both players' gradients
    are those of one value here: what theory speaks of, and an experiment worth seeing once. The arguments are those of
    ``GAN``.
    """

    def generator_loss(self, batch: Any) -> Tensor:
        """E[log(1 - D(G(z)))], a scalar."""
        return minimax_generator_loss(self.judge_fake(self.fake(batch)))
