"""Autoencoder."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.batch import Batch
from lightning_gans.engine import Player, WithEncoder, adam
from lightning_gans.models.vae import VAEOptimization


class Autoencoder(WithEncoder):
    """Autoencoder: images through a few numbers and back, with nothing asked of the numbers.

        L = E_x[mean squared error of G(E(x))]

    Hinton and Salakhutdinov 2006, *Reducing the Dimensionality of Data with Neural Networks*. Where both networks are
    linear, the best of them project on the data's first principal components (Baldi and Hornik 1989). Codes are
    distributed as they like: what the generator makes of draws from the prior is what a VAE's and an AAE's further term
    is for. The player is called ``autoencoder``.

    Args:
        generator: The decoder: from latents (N, Z), and what is given, to images (N, C, H, W) in [-1, 1], or points.
        encoder: From images, and what is given, to latents (N, Z).
    """

    defaults = VAEOptimization(
        autoencoder=adam(1e-3, 0.9),
        ema_decay=0.999,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
    )

    def __init__(
        self, generator: nn.Module, encoder: nn.Module, *, optimization: VAEOptimization = defaults, **kwargs: Any
    ) -> None:
        super().__init__(generator, encoder, optimization=optimization, **kwargs)

    def players(self) -> list[Player]:
        """One: the autoencoder."""
        return [self.optimization.player("autoencoder", self.autoencoder_loss, [self.encoder, self.generator])]

    def autoencoder_loss(self, batch: Batch) -> Tensor:
        """The mean squared error of G(E(x)), a scalar."""
        rebuilt = self.generator(self.encode_train(batch), *batch.condition.tensors())
        return F.mse_loss(rebuilt, batch.image)
