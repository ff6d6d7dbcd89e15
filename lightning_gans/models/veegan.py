"""VEEGAN."""

from typing import Any

from torch import Tensor, nn

from lightning_gans.engine import BidirectionalGAN
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import wasserstein_generator_loss


class VEEGAN(BidirectionalGAN):
    """A reconstructor F maps samples back to noise: modes that G drops would not be mapped to all of the noise.

        L_D  = -E_x[log D(x, F(x))] - E_z[log(1 - D(G(z), z))]
        L_GF = -E_z[l(G(z), z)] + w E_z[|z - F(G(z))|^2],    D = sigmoid(l)

    Srivastava et al. 2017, arXiv:1705.07761, algorithm 1; there D is 1 for what is generated, and minus the logit here
    is the paper's D_omega, its estimate of log q(x | z) p(z) / p(z | x) p(x). The generator's term is the logit itself,
    not its logarithm: L_GF is the bound on the cross entropy of F(x) and the noise (eq. 4). F learns from the second
    term alone.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: F, the paper's reconstructor: from images to latents (N, Z).
        discriminator: From images and latents to logits (N, ...).
        reconstruction_weight: w, 1 in the paper.
        kwargs: As of ``GAN``; the generator's settings (optimizer, clip, ...) are of generator and encoder.

    Raises:
        ConfigError: ``reconstruction_weight`` is negative.
    """

    sample_wise = False  # the samples count for the reconstructor too, whatever a trick does to their logits

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module,
        *,
        reconstruction_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, encoder, discriminator, **kwargs)
        if reconstruction_weight < 0:
            raise ConfigError("reconstruction_weight", reconstruction_weight, "must be 0 or more; the paper has 1")
        self.reconstruction_weight = reconstruction_weight

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[l(G(z), z)] + w E[|z - F(G(z))|^2], a scalar."""
        images, z = fake = self.fake(batch)
        self.note_inversion(batch, fake)
        distance = (z - self.infer(images)).square().sum(1).mean()
        self.note("distance/latent", distance)
        return wasserstein_generator_loss(self.judge_fake(fake)) + self.reconstruction_weight * distance
