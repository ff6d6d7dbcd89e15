"""Relativistic GAN with both zero-centered gradient penalties."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import Optimization, Player, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Relativistic
from lightning_gans.regularizers import R1, R2, Regularizer
from lightning_gans.schedule import Ramp, ramped


class R3GAN(GAN):
    """R3GAN's objective: real and generated samples are scored in pairs, and D is flat on both.

        L_D = E[softplus(-(D(x) - D(G(z))))] + gamma / 2 (E[|grad D(x)|^2] + E[|grad D(G(z))|^2])
        L_G = E[softplus(-(D(G(z)) - D(x)))]

    Huang et al. 2024, arXiv:2501.05441, section 2: the relativistic pairing loss against dropped modes, R1 and R2
    together for local convergence; both are gradients of the logits at hand, so that D is called twice an update, and
    defined sample by sample, so that D has no batch norm. The paper's networks are ``R3GANGenerator`` and
    ``R3GANDiscriminator``.

    Args:
        gamma: Weight of the penalties; the paper lets it fall, from 0.05 to 0.005 on CIFAR-10, from more on larger
            images: ``Ramp(0.05, 0.005, cosine=True)``.
        ramps: What else changes with the run, for both players: ``lr`` as a factor, ``beta1``, ``beta2``.
        separate_batches: Whether every second image of a batch is D's and the others are G's, as in the authors' code,
            where the two never see the same ones; else both see all.
        optimization: How both learn; without momentum, as the paper has it.
        regularizers: Further ones.

    Raises:
        ConfigError: ``gamma`` is negative, or the discriminator has batch norm.
    """

    defaults = replace(GAN.defaults, generator=adam(2e-4, 0.0, 0.99), discriminator=adam(2e-4, 0.0, 0.99))

    def __init__(
        self,
        *args: Any,
        gamma: float | Ramp = 1.0,
        ramps: dict[str, Ramp] | None = None,
        separate_batches: bool = False,
        optimization: Optimization = defaults,
        regularizers: Sequence[Regularizer] = (),
        **kwargs: Any,
    ) -> None:
        gamma = ramped(gamma)
        every = (R1(gamma), R2(gamma), *regularizers)
        super().__init__(*args, optimization=optimization, objective=Relativistic(), regularizers=every, **kwargs)
        self.ramps = {name: Ramp(**r) if isinstance(r, dict) else r for name, r in (ramps or {}).items()}
        self.separate_batches = separate_batches

    def players(self) -> list[Player]:
        """The discriminator and the generator, both ramped alike."""
        return [replace(player, ramps=self.ramps) for player in super().players()]

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """E[softplus(-(D(x) - D(G(z))))]."""
        return super().discriminator_loss(self._part(batch, 0))

    def generator_loss(self, batch: Batch) -> Tensor:
        """E[softplus(-(D(G(z)) - D(x)))]."""
        return super().generator_loss(self._part(batch, 1))

    def _part(self, batch: Batch, number: int) -> Batch:
        """Every second sample of a batch where the players see different ones: micro-batches divide into the same."""
        if not self.separate_batches:
            return batch
        if batch.size < 2:
            raise ConfigError("data.batch_size", batch.size, "separate_batches needs two images or more")
        image, condition = batch.image[number::2], batch.condition.map(lambda part: part[number::2])
        return batch._replace(image=image, condition=condition)
