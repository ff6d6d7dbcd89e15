"""GAN with the hinge objective."""

from typing import Any

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.objectives import hinge_discriminator_loss, wasserstein_generator_loss

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.0, 0.9]}}
"""Of Miyato et al. 2018, arXiv:1802.05957, for the hinge objective with residual networks."""


class HingeGAN(GAN):
    """GAN with the hinge objective: D separates with a margin and forgets samples beyond it, G moves along f.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
        L_G = -E_z[D(G(z))]

    Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17, whose settings are the
    defaults. The best D has L_D = 2 - 2 TV(p, q), with TV the total variation distance.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: From what it judges to logits (N, ...), best with spectral normalization: nothing else bounds
            how steep it is.
        n_critic: Discriminator moves for one of the generator.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The discriminator's optimizer.
        kwargs: As of ``GAN``.
    """

    log_odds = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
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

    def discriminator_loss(self, batch: Any) -> Tensor:
        """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]."""
        return hinge_discriminator_loss(*self.judge_both(self.real(batch), self.fake(batch)))

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[D(G(z))]."""
        return wasserstein_generator_loss(self.judge_fake(self.fake(batch)))
