"""Variational autoencoder."""

from dataclasses import dataclass
from typing import Any

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.batch import Batch
from lightning_gans.engine import BaseOptimization, Player, WithGaussianEncoder, adam
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Likelihood, gaussian_kl, gaussian_nll


@dataclass(frozen=True)
class VAEOptimization(BaseOptimization):
    """How an autoencoder learns.

    Args:
        autoencoder: The optimizer of encoder and generator; Adam as in its own paper (Kingma and Ba 2015,
            arXiv:1412.6980, section 6.3), where it trains such an autoencoder.
        autoencoder_scheduler: Their learning rate scheduler, stepped once per update.
        autoencoder_clip: Largest norm of their gradient, None for no clipping.
    """

    autoencoder: OptimizerCallable | None = None
    autoencoder_scheduler: LRSchedulerCallable | None = None
    autoencoder_clip: float | None = None


class VAE(WithGaussianEncoder):
    """Variational autoencoder: a game of one, whose player climbs a lower bound of the likelihood.

        log p(x) >= ELBO = E_{q(z|x)}[log p(x | z)] - KL(q(z | x) || p(z))
        q(z | x) = N(mean(x), diag(variance(x))),   p(x | z) = N(G(z), variance I),   p(z) = N(0, I)
        L = -E_q[log p(x | z)] + beta KL

    Kingma and Welling 2014, arXiv:1312.6114, eq. 2, 3 and 10, with one z for each image, drawn as
    mean + standard deviation * noise (section 2.4), and the KL term in closed form (appendix B). The gap of the bound
    is KL(q(z | x) || p(z | x)). The player is called ``autoencoder``; the decoder is the generator of other games.
    Logged, in nats per image: ``elbo``, ``elbo/reconstruction`` (the first term), ``elbo/kl``, and its part of each
    latent, ``kl/<number>``; ``active_units``, how many latents say something of the images.

    Args:
        generator: The decoder: from latents (N, Z), and what is given, to images (N, C, H, W) in [-1, 1], or points.
        encoder: From images, and what is given, to (N, 2 Z): means and logarithms of the variances.
        beta: Weight of the KL term; 1 is the bound itself, more presses the codes closer to the prior
            (Higgins et al. 2017).
        decoder_variance: Of p(x | z), per pixel in units of [-1, 1]: the smaller, the more reconstruction counts. 0.1
            when None.
        likelihood: Another p(x | z): ``LearnedVariance`` or ``Bernoulli``; the above when None.

    Raises:
        ConfigError: A setting is out of its range, the prior is not standard normal, or a variance is given beside
            another likelihood.
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
        self,
        generator: nn.Module,
        encoder: nn.Module,
        *,
        beta: float = 1.0,
        decoder_variance: float | None = None,
        likelihood: Likelihood | None = None,
        optimization: VAEOptimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, encoder, optimization=optimization, **kwargs)
        if beta < 0:
            raise ConfigError("beta", beta, "must be 0 or more; 1 is the evidence lower bound")
        if decoder_variance is not None and likelihood is not None:
            hint = f"means nothing beside likelihood {type(likelihood).__name__}; leave one of them out"
            raise ConfigError("decoder_variance", decoder_variance, hint)
        if decoder_variance is not None and not decoder_variance > 0:
            hint = "must be positive: the pixels' variance around what is generated"
            raise ConfigError("decoder_variance", decoder_variance, hint)
        self.beta, self.likelihood = beta, likelihood
        if likelihood is None and decoder_variance is None:
            decoder_variance = 0.1
        self.decoder_variance = decoder_variance  # None where it means nothing

    def players(self) -> list[Player]:
        """One: the autoencoder."""
        modules = [self.encoder, self.generator, *([] if self.likelihood is None else [self.likelihood])]
        return [self.optimization.player("autoencoder", self.autoencoder_loss, modules)]

    def autoencoder_loss(self, batch: Batch) -> Tensor:
        """-E_q[log p(x | z)] + beta KL, a scalar."""
        mean, log_variance = self.posterior(batch)
        rebuilt = self.generator(self.reparameterize(mean, log_variance), *batch.condition.tensors())
        nll = self.nll(batch.image, rebuilt).mean()
        kl = gaussian_kl(mean, log_variance).mean()
        self.log_value("elbo", -nll - kl)
        self.log_value("elbo/reconstruction", -nll)
        self.log_value("elbo/kl", kl)
        self.log_latents(mean, log_variance)
        return nll + self.beta * kl

    def nll(self, x: Tensor, rebuilt: Tensor) -> Tensor:
        """-log p(x | z), (N,), of images and what the decoder made of their latents."""
        if self.decoder_variance is not None:
            return gaussian_nll(x, rebuilt, self.decoder_variance)
        assert self.likelihood is not None
        for name, value in self.likelihood.logged().items():
            self.log_value(name, value)
        nll: Tensor = self.likelihood(x, rebuilt)
        return nll
