"""GAN with a projection discriminator."""

from typing import Any

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN, Conditional
from lightning_gans.objectives import hinge_discriminator_loss, wasserstein_generator_loss
from lightning_gans.networks import ProjectionDiscriminator

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.0, 0.9]}}
"""As in the paper's section 5."""


class ProjectionGAN(Conditional, GAN):
    """GAN whose discriminator takes the class as an inner product with its features, with the hinge objective.

        f(x, y) = psi(phi(x)) + <V[y], phi(x)>
        L_D = E_{x,y}[max(0, 1 - f(x, y))] + E_{z,y}[max(0, 1 + f(G(z, y), y))]
        L_G = -E_{z,y}[f(G(z, y), y)]

    Miyato and Koyama 2018, arXiv:1802.05637, sections 3 and 5, whose settings are the defaults.

    Args:
        generator: From latents (N, Z) and labels (N,) to images (N, C, H, W).
        discriminator: phi and psi, from images alone: ``features(x)`` (N, D) and ``head(features)`` (N, 1), best with
            spectral normalization. The model adds the embedding V, spectrally normalized.
        num_classes: Number of classes; the command line takes it from the data.
        n_critic: Discriminator moves for one of the generator.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The discriminator's optimizer, which moves V too.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: The discriminator does not show its features.
    """

    log_odds = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        num_classes: int | None = None,
        n_critic: int = 5,
        generator_optimizer: OptimizerCallable = ADAM,
        discriminator_optimizer: OptimizerCallable = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            num_classes=num_classes,
            n_critic=n_critic,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **kwargs,
        )
        self.discriminator = ProjectionDiscriminator(discriminator, self.num_classes)

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator that is given knows no labels: V does."""
        found = super().facts(role, facts, settings)
        return found | ({"classes": 0} if role == "discriminator" else {})

    def discriminator_loss(self, batch: Any) -> Tensor:
        """E[max(0, 1 - f(x, y))] + E[max(0, 1 + f(G(z, y), y))]."""
        return hinge_discriminator_loss(*self.judge_both(self.real(batch), self.fake(batch)))

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[f(G(z, y), y)]."""
        return wasserstein_generator_loss(self.judge_fake(self.fake(batch)))
