"""Class-conditional variational autoencoder."""

from collections.abc import Sequence
from typing import Any

from lightning_gans.models.vae import VAE


class ConditionalVAE(VAE):
    """Class-conditional variational autoencoder: encoder and decoder see the label, the latent says the rest.

        log p(x | y) >= ELBO = E_{q(z|x,y)}[log p(x | z, y)] - KL(q(z | x, y) || p(z))
        q(z | x, y) = N(mean(x, y), diag(variance(x, y))),   p(x | z, y) = N(G(z, y), variance I),   p(z) = N(0, I)

    Sohn et al. 2015, *Learning Structured Output Representation using Deep Conditional Generative Models*, eq. 4, with
    image and label in each other's place and a prior that does not depend on the label, as model M2 of Kingma et al.
    2014, arXiv:1406.5298, eq. 6.
    """

    def __init__(self, *args: Any, given: Sequence[str] = ("label",), **kwargs: Any) -> None:
        super().__init__(*args, given=given, **kwargs)
