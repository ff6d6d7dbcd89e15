"""DRAW: a variational autoencoder that draws, glimpse by glimpse."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine import LatentModel, Player, adam
from lightning_gans.engine.ema import eval_mode
from lightning_gans.engine.latent import COLUMNS
from lightning_gans.engine.priors import Normal
from lightning_gans.errors import ConfigError
from lightning_gans.models.vae import VAEOptimization
from lightning_gans.networks.draw import DRAWNetwork
from lightning_gans.objectives import gaussian_kl


class DRAW(LatentModel):
    """Deep recurrent attentive writer: the encoder sees what is left to draw, the decoder adds to the canvas.

        log p(x) >= E_q[log p(x | c_T)] - sum_t KL(q(z_t | x, z_1..t-1) || p(z_t))
        c_t = c_t-1 + write(h_t),    p(x | c_T) = Bernoulli(sigmoid(c_T)),    p(z_t) = N(0, I)

    Gregor et al. 2015, arXiv:1502.04623, eqs. 3 to 12. The noise of each step is its own. Pixels x of [-1, 1] count as
    probabilities (x + 1) / 2; of values between, the first term is no likelihood.
    The player is called ``autoencoder``. Logged, in nats per image: ``elbo``, ``elbo/reconstruction`` and ``elbo/kl``.

    Args:
        generator: A ``DRAWNetwork``, encoder and decoder in one.
        optimization: How it learns.
        kwargs: As of ``LatentModel``.

    Raises:
        ConfigError: The network cannot draw, the prior is not standard normal, or it is to be compiled.
    """

    # The gradient's norm is bounded, as recurrent networks need it.
    defaults = VAEOptimization(
        autoencoder=adam(1e-3, 0.5),
        autoencoder_clip=5.0,
        ema_decay=0.999,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
    )

    def __init__(self, generator: DRAWNetwork, *, optimization: VAEOptimization = defaults, **kwargs: Any) -> None:
        super().__init__(generator, optimization=optimization, **kwargs)
        if not isinstance(generator, DRAWNetwork):
            raise ConfigError("generator", type(generator).__name__, "draws nothing step by step; DRAWNetwork does")
        if not isinstance(self.prior, Normal) or self.prior.bound is not None:
            hint = "DRAW measures how far its codes are from a standard normal prior; leave it out"
            raise ConfigError("prior", type(self.prior).__name__, hint)
        if self.optimization.compile:
            hint = "the network is trained by what it draws step by step, which is not compiled; leave it out"
            raise ConfigError("optimization.compile", True, hint)

    def players(self) -> list[Player]:
        """One: the autoencoder."""
        return [self.optimization.player("autoencoder", self.autoencoder_loss, [self.generator])]

    def autoencoder_loss(self, batch: Batch) -> Tensor:
        """-E_q[log p(x | c_T)] + sum_t KL, a scalar."""
        images, network = (batch.image + 1) / 2, self._network(self.generator)
        noise = self.rand(torch.randn, len(images), network.steps, network.step_dim)
        drawing = network.draw(images, noise)
        logits = drawing.canvases[:, -1]
        nll = F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(1).mean()
        kl = gaussian_kl(drawing.mean.flatten(1), drawing.log_variance.flatten(1)).mean()
        self.log_value("elbo", -nll - kl)
        self.log_value("elbo/reconstruction", -nll)
        self.log_value("elbo/kl", kl)
        return nll + kl

    @torch.no_grad()
    def encode(self, images: Tensor, condition: Condition = Condition(), *, ema: bool = True) -> Tensor:
        """Latents (N, Z) of images (N, C, H, W) in [-1, 1]: each step's mean, given the means before."""
        network = self._network(self.inference_network("generator", ema=ema))
        placed = (images.to(self.device).type(self.dtype) + 1) / 2
        with eval_mode(network):
            mean: Tensor = network.draw(placed, placed.new_zeros(len(placed), network.steps, network.step_dim)).mean
        return mean.flatten(1)

    @torch.no_grad()
    def reconstruct(self, images: Tensor, condition: Condition = Condition(), *, ema: bool = True) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] as they are drawn again, float32."""
        rebuilt: Tensor = self(self.encode(images, ema=ema), ema=ema)
        return rebuilt.float()

    @torch.no_grad()
    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """``drawing``: samples as they come to be, a row each; ``reconstructions`` of real images."""
        network = self._network(self.inference_network("generator", ema=True))
        z, *_ = self.generator_inputs(Condition(), 0, COLUMNS, seed)
        with eval_mode(network):
            pictures = {"drawing": (2 * network.canvases(z).sigmoid() - 1).float().cpu()}
        if batch is not None and batch.image is not None and batch.size >= COLUMNS:
            real = batch.image[:COLUMNS]
            pictures["reconstructions"] = torch.stack([real.float().cpu(), self.reconstruct(real).cpu()])
        return pictures

    @staticmethod
    def _network(module: Any) -> DRAWNetwork:
        assert isinstance(module, DRAWNetwork)
        return module
