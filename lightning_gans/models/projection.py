"""GAN with a projection discriminator."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from lightning_gans.engine import Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.networks import ProjectionDiscriminator
from lightning_gans.objectives import Hinge


class ProjectionGAN(GAN):
    """GAN whose discriminator takes the class as an inner product with its features, with the hinge objective.

        f(x, y) = psi(phi(x)) + <V[y], phi(x)>
        L_D = E_{x,y}[max(0, 1 - f(x, y))] + E_{z,y}[max(0, 1 + f(G(z, y), y))]
        L_G = -E_{z,y}[f(G(z, y), y)]

    Miyato and Koyama 2018, arXiv:1802.05637, sections 3 and 5, whose settings are the defaults.

    Args:
        generator: As of ``GAN``.
        discriminator: phi and psi, from images alone: ``features(x)`` (N, D) and ``head(features)`` (N, 1), best with
            spectral normalization. The model adds the embedding V, spectrally normalized.
        num_classes: Number of classes; the command line takes it from the data.
        optimization: How both learn; the discriminator's optimizer updates V too.

    Raises:
        ConfigError: The discriminator does not show its features, or there are no classes.
    """

    defaults = replace(GAN.defaults, generator=adam(2e-4, 0.0, 0.9), discriminator=adam(2e-4, 0.0, 0.9), n_critic=5)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        num_classes: int | None = None,
        given: Sequence[str] = ("label",),
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        if "label" not in given:
            raise ConfigError("given", list(given), "this model projects on classes: it is given the label")
        super().__init__(
            generator,
            ProjectionDiscriminator(discriminator, max(num_classes or 1, 1)),
            num_classes=num_classes,
            given=given,
            optimization=optimization,
            objective=Hinge(),
            **kwargs,
        )

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator that is passed in knows no labels: V does."""
        told = super().network_kwargs(role, data, settings)
        return told | ({"num_classes": 0} if role == "discriminator" else {})
