"""Wasserstein GAN with weight clipping."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import Optimization, Player
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Wasserstein
from lightning_gans.regularizers import clip_weights_

RMSPROP: Any = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 5e-5}}
"""As in the paper's algorithm 1: no momentum, which the authors found to make the critic's training unstable."""


class WGAN(GAN):
    """Wasserstein GAN: the critic estimates the earth mover's distance, the generator descends it.

        min_G max_{|f|_L <= K}  E_x[f(x)] - E_z[f(G(z))]

    Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875, eq. 2 and algorithm 1: the critic is updated ``n_critic``
    times for each update of the generator, and its weights are clipped to [-c, c] after each of them. Its logits are
    the values f(x), unbounded.

    Args:
        clip_value: c.
    """

    defaults = replace(GAN.defaults, generator=RMSPROP, discriminator=RMSPROP, n_critic=5)

    def __init__(
        self, *args: Any, clip_value: float = 0.01, optimization: Optimization = defaults, **kwargs: Any
    ) -> None:
        super().__init__(*args, optimization=optimization, objective=Wasserstein(), **kwargs)
        if clip_value <= 0:
            raise ConfigError("clip_value", clip_value, "must be positive; the paper uses 0.01")
        self.clip_value = clip_value

    def players(self) -> list[Player]:
        """The critic's weights are clipped after each of its updates."""
        critic, generator = super().players()
        return [replace(critic, project=self.clip_critic), generator]

    def clip_critic(self) -> None:
        """W <- clip(w, -c, c)."""
        clip_weights_(self.discriminator.parameters(), self.clip_value)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """E[f(G(z))] - E[f(x)]: minus the estimated distance, which is logged as ``wasserstein``."""
        loss = self.critic.discriminator_loss(self.real(batch), self.fake(batch))
        self.log_value("wasserstein", -loss)
        return loss
