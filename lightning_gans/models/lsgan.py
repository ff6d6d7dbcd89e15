"""Least squares GAN."""

from typing import Any

from lightning_gans.models.gan import GAN
from lightning_gans.objectives import LeastSquares


class LSGAN(GAN):
    """Least squares GAN: D regresses targets, so that samples on the right side but far from the data still learn.

        L_D = 1/2 E_x[(D(x) - b)^2] + 1/2 E_z[(D(G(z)) - a)^2]
        L_G = 1/2 E_z[(D(G(z)) - c)^2]

    Mao et al. 2017, arXiv:1611.04076, eq. 2. With b - c = 1 and b - a = 2 the game minimizes the Pearson chi^2
    divergence between p + q and 2 q (section 3.2), as a = -1, b = 1, c = 0 do; the default is the 0-1 coding that the
    paper recommends beside it (section 3.3).

    Args:
        fake_target: a, what D says of generated samples.
        real_target: b, what D says of real samples.
        generator_target: c, what G wants D to say of its samples.

    Raises:
        ConfigError: D's two targets are the same.
    """

    def __init__(
        self,
        *args: Any,
        fake_target: float = 0.0,
        real_target: float = 1.0,
        generator_target: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, objective=LeastSquares(fake_target, real_target, generator_target), **kwargs)
