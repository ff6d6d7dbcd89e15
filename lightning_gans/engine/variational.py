"""What variational autoencoders share: an encoder that gives a distribution, and the game of one."""

from typing import Any, ClassVar

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine.inference import Inference
from lightning_gans.engine.player import Player
from lightning_gans.engine.randomness import Normal
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import gaussian_kl, gaussian_nll, reparametrize

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-3}}
"""Adam as in its own paper (Kingma and Ba 2015, arXiv:1412.6980, section 6.3), where it trains such an autoencoder."""


class Variational(Inference):
    """An encoder that gives a normal distribution over latents, q(z | x) = N(mean, diag(variance)), as ``posterior``.

    To be mixed in before ``GAN``, or alone.

    Args:
        args: Networks, as of ``Inference``; the encoder gives (N, 2 Z): means and logarithms of the variances.
        kwargs: As of the class that it is mixed into.

    Raises:
        ConfigError: The prior is not standard normal.
    """

    outputs_per_latent: ClassVar[int] = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.prior, Normal) or self.prior.bound is not None:
            hint = f"{type(self).__name__} measures how far its codes are from a standard normal prior; leave it out"
            raise ConfigError("prior", type(self.prior).__name__, hint)

    def posterior(self, images: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances of q(z | x), each (N, Z), in float32 or more.

        Args:
            images: x, (N, C, H, W), or points (N, d).
            rest: What else the encoder takes (labels).

        Raises:
            ConfigError: The encoder has not two outputs for each of the latent.
        """
        outputs: Tensor = self.encoder(images, *rest)
        if outputs.shape[1] != 2 * self.latent_dim:
            hint = f"give it {2 * self.latent_dim}: mean and log variance of each of {self.latent_dim} latents"
            raise ConfigError("encoder", f"{outputs.shape[1]} outputs", hint)
        mean, log_variance = (outputs if outputs.dtype == torch.float64 else outputs.float()).chunk(2, dim=1)
        return mean, log_variance

    def infer(self, images: Tensor) -> Tensor:
        """A draw from q(z | x), (N, Z)."""
        return self.draw(*self.posterior(images))

    def draw(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """One z from each q(z | x), (N, Z)."""
        noise = self.rand(torch.randn, len(mean), self.latent_dim).type(mean.dtype)
        return reparametrize(mean, log_variance, noise).type(self.dtype)


class VariationalGame(Variational):
    """The game of one: encoder and generator ascend the evidence lower bound of log p(x), or of log p(x | y).

        ELBO = E_{q(z|x)}[log p(x | z)] - KL(q(z | x) || p(z)),    p(x | z) = N(G(z), variance I),  p(z) = N(0, I)
        L = -E_q[log p(x | z)] + beta KL

    Kingma and Welling 2014, arXiv:1312.6114, eq. 3 and 10, with one z for each image. The player is called
    ``autoencoder``; the decoder is the generator of other games. Logged, in nats per image: ``elbo``,
    ``elbo/reconstruction`` (the first term) and ``elbo/kl``.

    Args:
        generator: The decoder: from latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: From images to (N, 2 Z): means and logarithms of the variances.
        beta: Weight of the KL term; 1 is the bound itself, more presses the codes closer to the prior
            (Higgins et al. 2017).
        variance: Of p(x | z), per pixel in units of [-1, 1]: the smaller, the more a good reconstruction counts.
        autoencoder_optimizer: The optimizer of both.
        autoencoder_scheduler: Their learning rate scheduler, stepped once per step.
        autoencoder_clip: Largest norm of their gradient, None for no clipping.
        ema_decay: Decay of the moving average of both, which samples and metrics use; 0 is off.
        kwargs: As of ``LatentModel``.

    Raises:
        ConfigError: A setting is out of its range, or the prior is not standard normal.
    """

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        *,
        beta: float = 1.0,
        variance: float = 0.1,
        autoencoder_optimizer: OptimizerCallable = ADAM,
        autoencoder_scheduler: LRSchedulerCallable | None = None,
        autoencoder_clip: float | None = None,
        ema_decay: float = 0.999,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, encoder, ema_decay=ema_decay, **kwargs)
        if beta < 0:
            raise ConfigError("beta", beta, "must be 0 or more; 1 is the evidence lower bound")
        if not variance > 0:
            raise ConfigError("variance", variance, "must be positive: the pixels' variance around what is generated")
        self.beta, self.variance = beta, variance
        self.autoencoder_optimizer = autoencoder_optimizer
        self.autoencoder_scheduler, self.autoencoder_clip = autoencoder_scheduler, autoencoder_clip

    def players(self) -> list[Player]:
        """One: the autoencoder."""
        return [
            Player(
                "autoencoder",
                self.autoencoder_loss,
                [self.encoder, self.generator],
                self.autoencoder_optimizer,
                clip=self.autoencoder_clip,
                scheduler=self.autoencoder_scheduler,
            )
        ]

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """What the encoder sees of a batch: (images,); (images, labels) in a conditional model."""
        return (self.images(batch),)

    def autoencoder_loss(self, batch: Any) -> Tensor:
        """-E_q[log p(x | z)] + beta KL, a scalar."""
        images, *conditions = self.real(batch)
        mean, log_variance = self.posterior(images, *conditions)
        rebuilt = self.generator(self.draw(mean, log_variance), *conditions)
        nll = gaussian_nll(images, rebuilt, self.variance).mean()
        kl = gaussian_kl(mean, log_variance).mean()
        self.note("elbo", -nll - kl)
        self.note("elbo/reconstruction", -nll)
        self.note("elbo/kl", kl)
        return nll + self.beta * kl
