"""BiGAN, also known as ALI."""

from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import WithGaussianEncoder
from lightning_gans.models.bidirectional import BidirectionalGAN
from lightning_gans.objectives import Bidirectional


class BiGAN(BidirectionalGAN):
    """Bidirectional GAN: an encoder learns to invert the generator, because D scores images with their latents.

        min_{G,E} max_D  E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]
        L_D  = -E_x[log D(x, E(x))] - E_z[log(1 - D(G(z), z))]
        L_GE = -E_x[log(1 - D(x, E(x)))] - E_z[log D(G(z), z)]

    Donahue et al. 2017, arXiv:1605.09782, eq. 2 and 3; L_GE is the objective with the labels swapped, which the paper
    descends for its stronger gradient (section 3.4). At the optimum E(G(z)) = z and G(E(x)) = x almost everywhere
    (theorem 2).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, objective=Bidirectional(), **kwargs)

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[log(1 - D(x, E(x)))] - E[log D(G(z), z)], a scalar."""
        real, fake = self.real(batch), self.fake(batch)
        self.log_reconstruction_error(batch, fake)
        return self.critic.generator_loss(fake, real)


class ALI(WithGaussianEncoder, BiGAN):
    """Adversarially learned inference: the game of ``BiGAN`` with an encoder that gives a distribution.

        z ~ N(mu(x), sigma(x)^2)  in place of E(x),   z = mu(x) + sigma(x) eps,  eps ~ N(0, I)

    Dumoulin et al. 2017, arXiv:1606.00704, eq. 1 and section 2.2. The encoder gives mean and logarithm of the variance,
    (N, 2 Z); losses take a draw, ``encode`` and ``reconstruct`` the mean.
    """
