"""GAN with the hinge objective."""

from dataclasses import replace
from typing import Any

from lightning_gans.engine import Optimization, adam
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Hinge


class HingeGAN(GAN):
    """GAN with the hinge objective: D separates with a margin and forgets samples beyond it, G moves along f.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
        L_G = -E_z[D(G(z))]

    Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17, whose settings are the
    defaults. The best D has L_D = 2 - 2 TV(p, q), with TV the total variation distance. D is best spectrally
    normalized: nothing else bounds how steep it is.
    """

    defaults = replace(GAN.defaults, generator=adam(2e-4, 0.0, 0.9), discriminator=adam(2e-4, 0.0, 0.9), n_critic=5)

    def __init__(self, *args: Any, optimization: Optimization = defaults, **kwargs: Any) -> None:
        super().__init__(*args, optimization=optimization, objective=Hinge(), **kwargs)
