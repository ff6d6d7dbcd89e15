"""Deep convolutional GAN."""

from typing import Any

from lightning_gans.engine import Prior, Uniform
from lightning_gans.models.gan import GAN


class DCGAN(GAN):
    """Deep convolutional GAN: the original game, with networks and settings that made it work on images.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))],    z ~ U[-1, 1]^Z

    Radford, Metz and Chintala 2016, arXiv:1511.06434. What is new in the paper are the networks (``DCGANGenerator``,
    ``DCGANDiscriminator``: section 3) and the settings (section 4): uniform latents, Adam with rate 2e-4 and
    beta_1 = 0.5, which are the defaults here.

    Args:
        prior: Distribution of the latents; uniform on [-1, 1) when None.
    """

    def __init__(self, *args: Any, prior: Prior | None = None, **kwargs: Any) -> None:
        super().__init__(*args, prior=prior if prior is not None else Uniform(), **kwargs)
