"""Conditional GAN."""

from collections.abc import Sequence
from typing import Any

from lightning_gans.models.gan import GAN


class ConditionalGAN(GAN):
    """Conditional GAN: both networks see the label, ``generator(z, label)`` and ``discriminator(image, label)``.

        L_D = -E_{x,y}[log D(x | y)] - E_{z,y}[log(1 - D(G(z | y) | y))]
        L_G = -E_{z,y}[log D(G(z | y) | y)]

    Mirza and Osindero 2014, arXiv:1411.1784, eq. 2, with the non-saturating generator loss. It is ``GAN`` that is
    given labels; generated images are scored with the labels that they were made for. Any other model becomes
    class-conditional likewise, by ``given=["label"]``.
    """

    def __init__(self, *args: Any, given: Sequence[str] = ("label",), **kwargs: Any) -> None:
        super().__init__(*args, given=given, **kwargs)
