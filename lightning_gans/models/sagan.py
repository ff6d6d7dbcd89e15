"""Self-attention GAN."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from lightning_gans.engine import Optimization, adam
from lightning_gans.models.gan import GAN
from lightning_gans.networks import ProjectionDiscriminator
from lightning_gans.objectives import Hinge


class SAGAN(GAN):
    """Self-attention GAN: the hinge objective, networks with attention, a discriminator that learns faster.

        L_D = E_{x,y}[max(0, 1 - f(x, y))] + E_{z,y}[max(0, 1 + f(G(z, y), y))]
        L_G = -E_{z,y}[f(G(z, y), y)],    f(x, y) = psi(phi(x)) + <V[y], phi(x)>

    Zhang et al. 2019, arXiv:1805.08318, eq. 4 and section 4, whose settings are the defaults: two rates in place of
    several updates of D. Without labels f is psi(phi(x)).

    Args:
        generator: Such as ``SAGANGenerator``.
        discriminator: phi and psi, such as ``SAGANDiscriminator``; where labels are given, from images alone, with
            ``features(x)`` (N, D) and ``head(features)`` (N, 1). The model adds the embedding V, spectrally normalized.
        num_classes: Number of classes where labels are given; the command line takes it from the data.
        optimization: How both learn; the discriminator's optimizer updates V too.

    Raises:
        ConfigError: Labels are given, and the discriminator does not show its features, or there are no classes.
    """

    defaults = replace(GAN.defaults, generator=adam(1e-4, 0.0, 0.9), discriminator=adam(4e-4, 0.0, 0.9))

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        num_classes: int | None = None,
        given: Sequence[str] = (),
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        if "label" in given:
            discriminator = ProjectionDiscriminator(discriminator, max(num_classes or 1, 1))
        kwargs |= {"num_classes": num_classes, "given": given, "optimization": optimization}
        super().__init__(generator, discriminator, objective=Hinge(), **kwargs)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator that is passed in knows no labels: V does."""
        told = super().network_kwargs(role, data, settings)
        return told | ({"num_classes": 0} if role == "discriminator" else {})
