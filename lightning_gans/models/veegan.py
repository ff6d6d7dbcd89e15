"""VEEGAN."""

from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.errors import ConfigError
from lightning_gans.models.bidirectional import BidirectionalGAN


class VEEGAN(BidirectionalGAN):
    """A reconstructor F, the encoder, maps samples to noise: modes that G drops would not be mapped to all of it.

        L_D  = -E_x[log D(x, F(x))] - E_z[log(1 - D(G(z), z))]
        L_GF = -E_z[l(G(z), z)] + w E_z[|z - F(G(z))|^2],    D = sigmoid(l)

    Srivastava et al. 2017, arXiv:1705.07761, algorithm 1; there D is 1 for what is generated, and minus the logit here
    is the paper's D_omega, its estimate of log q(x | z) p(z) / p(z | x) p(x). The generator's term is the logit itself,
    not its logarithm: L_GF is the bound on the cross entropy of F(x) and the noise (eq. 4). F learns from the second
    term alone.

    Args:
        reconstruction_weight: w, 1 in the paper.

    Raises:
        ConfigError: ``reconstruction_weight`` is negative.
    """

    def __init__(self, *args: Any, reconstruction_weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if reconstruction_weight < 0:
            raise ConfigError("reconstruction_weight", reconstruction_weight, "must be 0 or more; the paper has 1")
        self.reconstruction_weight = reconstruction_weight

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[l(G(z), z)] + w E[|z - F(G(z))|^2], a scalar."""
        z = self.latent(batch)
        fake = self.fake(batch, z)
        self.log_reconstruction_error(batch, fake)
        found = self.encode_train(batch._replace(image=fake.image))  # (N, Z)
        distance = (z - found).square().sum(1).mean()
        self.log_value("distance/latent", distance)
        return self.reconstruction_weight * distance - self.critic.logits(fake).mean()
