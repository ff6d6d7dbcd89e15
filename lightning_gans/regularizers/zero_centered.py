"""Gradient penalties that stabilize any game: R1 and R2."""

from abc import ABC, abstractmethod

from torch import Tensor

from lightning_gans.engine import GAN, Trick
from lightning_gans.errors import ConfigError
from lightning_gans.regularizers import r1_penalty, r2_penalty, require_sample_wise


class _ZeroCentered(Trick, ABC):
    """gamma / 2 times the squared gradient of D, in every n-th step n times as much.

    Args:
        gamma: Weight.
        every: Computed in steps n, 2n, ... only, counted from 1 as players move (lazy regularization: Karras et al.
            2020, arXiv:1912.04958, app. B).

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, gamma: float = 10.0, every: int = 1) -> None:
        if gamma < 0:
            raise ConfigError("gamma", gamma, "must be 0 or more")
        if every < 1:
            raise ConfigError("every", every, "must be 1 or more")
        self.gamma, self.every = gamma, every

    def check(self, game: GAN) -> None:
        """The discriminator must judge sample by sample, without batch norm, and be what the objective is about."""
        if not game.sloped:
            kind = type(self).__name__
            raise ConfigError("tricks", kind, f"{type(game).__name__} has a penalty of its own; leave it out")
        require_sample_wise(game.discriminator)

    def charge(
        self, game: GAN, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], real_logits: Tensor, fake_logits: Tensor
    ) -> Tensor | None:
        """The penalty with its weight, where it is due."""
        if self.gamma == 0 or (game.step + 1) % self.every:
            return None
        penalty = self.penalty(game, real, fake)
        game.note(f"penalty/{type(self).__name__.lower()}", penalty)
        return self.gamma / 2 * self.every * penalty

    @abstractmethod
    def penalty(self, game: GAN, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        """The mean squared gradient, a scalar."""


class R1(_ZeroCentered):
    """gamma / 2 E[|grad D(x)|^2] at real samples: D is flat on the data once the game is won.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 9; fits all but MMD GAN, and not batch norm in D.

    Args:
        gamma: Weight; the paper uses 10.
        every: Computed in every n-th step only, with n times the weight.
    """

    def penalty(self, game: GAN, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        """E[|grad D(x)|^2]."""
        return r1_penalty(game.judge, real)


class R2(_ZeroCentered):
    """gamma / 2 E[|grad D(G(z))|^2] at generated samples.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 10; fits all but MMD GAN, and not batch norm in D.

    Args:
        gamma: Weight; the paper uses 10.
        every: Computed in every n-th step only, with n times the weight.
    """

    def penalty(self, game: GAN, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        """E[|grad D(G(z))|^2]."""
        return r2_penalty(game.judge, fake)
