"""Deep convolutional GAN."""

from typing import Any

from torch import nn

from lightning_gans.engine import GAN, Prior, Uniform


class DCGAN(GAN):
    """Deep convolutional GAN: the original game, with networks and settings that made it work on images.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))],    z ~ U[-1, 1]^Z

    Radford, Metz and Chintala 2016, arXiv:1511.06434. What is new in the paper are the networks (``DCGANGenerator``,
    ``DCGANDiscriminator``: section 3) and the settings (section 4): uniform latents, Adam with rate 2e-4 and
    beta_1 = 0.5, which are the defaults here.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1].
        discriminator: From images to logits (N, ...).
        prior: Distribution of the latents; uniform on [-1, 1) when None.
        kwargs: As of ``GAN``.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, prior: Prior | None = None, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, prior=prior if prior is not None else Uniform(), **kwargs)
