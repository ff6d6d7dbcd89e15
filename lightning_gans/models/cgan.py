"""Conditional GAN."""

from lightning_gans.engine import GAN, Conditional


class ConditionalGAN(Conditional, GAN):
    """Conditional GAN: both networks see the label, ``generator(z, labels)`` and ``discriminator(images, labels)``.

        L_D = -E_{x,y}[log D(x | y)] - E_{z,y}[log(1 - D(G(z | y) | y))]
        L_G = -E_{z,y}[log D(G(z | y) | y)]

    Mirza and Osindero 2014, arXiv:1411.1784, eq. 2, with the non-saturating generator loss. The losses are those of
    ``GAN``; what it judges are pairs (images, labels), and generated images are judged with the labels that they were
    made for.

    Args:
        args: Generator, from latents (N, Z) and labels (N,) to images (N, C, H, W); discriminator, from images and
            labels to logits.
        num_classes: Number of classes; the command line takes it from the data.
        kwargs: As of ``GAN``.
    """
