"""Wasserstein GAN with weight clipping."""

from dataclasses import replace
from typing import Any

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine import GAN, Player
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import wasserstein_discriminator_loss, wasserstein_generator_loss
from lightning_gans.regularizers import clip_weights_

RMSPROP: Any = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 5e-5}}
"""As in the paper's algorithm 1: no momentum, which the authors found to make the critic's training unstable."""


class WGAN(GAN):
    """Wasserstein GAN: the critic estimates the earth mover's distance, the generator descends it.

        min_G max_{|f|_L <= K}  E_x[f(x)] - E_z[f(G(z))]

    Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875, eq. 2 and algorithm 1: the critic moves ``n_critic`` times
    for each move of the generator, and its weights are clipped to [-c, c] after each of its moves.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: The critic f; its logits are the values f(x), unbounded.
        clip_value: c.
        n_critic: Critic moves for one of the generator.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The critic's optimizer.
        kwargs: As of ``GAN``.
    """

    log_odds = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        clip_value: float = 0.01,
        n_critic: int = 5,
        generator_optimizer: OptimizerCallable = RMSPROP,
        discriminator_optimizer: OptimizerCallable = RMSPROP,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            n_critic=n_critic,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
            **kwargs,
        )
        if clip_value <= 0:
            raise ConfigError("clip_value", clip_value, "must be positive; the paper uses 0.01")
        self.clip_value = clip_value

    def players(self) -> list[Player]:
        """The critic's weights are clipped after each of its moves."""
        critic, generator = super().players()
        return [replace(critic, constraint=self.clip_critic), generator]

    def clip_critic(self) -> None:
        """W <- clip(w, -c, c)."""
        clip_weights_(self.discriminator.parameters(), self.clip_value)

    def discriminator_loss(self, batch: Any) -> Tensor:
        """E[f(G(z))] - E[f(x)]: minus the estimated distance."""
        real_logits, fake_logits = self.judge_both(self.real(batch), self.fake(batch))
        loss = wasserstein_discriminator_loss(real_logits, fake_logits)
        self.note("wasserstein", -loss)
        return loss

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[f(G(z))]."""
        return wasserstein_generator_loss(self.judge_fake(self.fake(batch)))
