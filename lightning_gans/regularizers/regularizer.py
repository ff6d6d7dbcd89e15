"""What a regularizer of a discriminator is, and those of the package."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.batch import Scored
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.regularizers.gradients import (
    Score,
    gradient_penalty,
    require_no_batch_statistics,
    squared_gradient_penalty,
)
from lightning_gans.schedule import Ramp, smallest

Rand = Callable[..., Tensor]
"""``rand(distribution, n, *shape)``: the step's random numbers, (n, *shape)."""


class Regularizer(ABC):
    """A term of a discriminator's loss that its objective does not depend on: weight times ``penalty``.

    Args:
        weight: Of the term; a ``Ramp`` for one that changes in the course of the run.
        interval: Computed in every n-th update of the discriminator only, with n times the weight (lazy
            regularization: Karras et al. 2020, arXiv:1912.04958, app. B).

    Raises:
        ConfigError: A setting is out of its range.
    """

    name: ClassVar[str]
    """It is logged as ``penalty/<name>``."""
    differentiates_logits: ClassVar[bool] = False
    """Whether ``penalty`` takes gradients of the logits at hand by what was scored."""
    needs_objective: ClassVar[bool] = False
    """Whether it changes the objective itself, so that a loss that is written by hand cannot have it."""

    def __init__(self, weight: float | Ramp, interval: int = 1) -> None:
        if not (least := smallest(weight)) >= 0:
            raise ConfigError(f"{self.name}.weight", least, "must be 0 or more")
        if interval < 1:
            raise ConfigError(f"{self.name}.interval", interval, "computed in every n-th update, n = 1, 2, ...")
        self.weight, self.interval = weight, interval

    def validate(self, objective: Objective | None, network: nn.Module) -> None:  # noqa: B027 # most fit all
        """Refuse a discriminator or an objective that it does not fit; called once, when the model is built.

        The objective is None where the discriminator gives features and no logits.

        Raises:
            ConfigError: It does not fit.
        """

    @abstractmethod
    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """The term without its weight, a scalar, of real and generated samples with their logits.

        ``score`` gives logits of others, under the augmentation that the discriminator sees.
        """


class GradientRegularizer(Regularizer):
    """A regularizer by the slope of the logits, which must be a function of each sample alone."""

    def validate(self, objective: Objective | None, network: nn.Module) -> None:
        """The discriminator must give logits, and no features, sample by sample: without batch norm."""
        if objective is None:
            hint = "this discriminator gives features, no logits, and its model has a penalty of its own; leave it out"
            raise ConfigError("regularizers", type(self).__name__, hint)
        require_no_batch_statistics(network)


class GradientPenalty(GradientRegularizer):
    """lambda E[(|grad D(x_hat)|_2 - 1)^2] between real and generated samples: see ``gradient_penalty``.

    The term of WGAN-GP for any other game; ``WGANGP`` itself has it in its loss.

    Args:
        weight: lambda; the paper uses 10.
        interval: Computed in every n-th update only, with n times the weight.
    """

    name = "gradient"

    def __init__(self, weight: float | Ramp = 10.0, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[(|grad D(x_hat)|_2 - 1)^2]."""
        return gradient_penalty(score, real.sample, fake.sample, rand(torch.rand, real.sample.size))


class R1(GradientRegularizer):
    """gamma / 2 E[|grad D(x)|^2] at real samples: D is flat on the data once the game is won.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 9. The gradient is that of the logits at hand by the
    images before augmentation, so it costs no further pass of D.

    Args:
        gamma: Weight; the paper uses 10.
        interval: Computed in every n-th update only, with n times the weight.

    Raises:
        ConfigError: A setting is out of its range.
    """

    name = "r1"
    differentiates_logits = True

    def __init__(self, gamma: float | Ramp = 10.0, interval: int = 1) -> None:
        if not (least := smallest(gamma)) >= 0:
            raise ConfigError("gamma", least, "must be 0 or more; Mescheder et al. use 10")
        half = replace(gamma, start=gamma.start / 2, end=gamma.end / 2) if isinstance(gamma, Ramp) else gamma / 2
        super().__init__(half, interval)
        self.gamma = gamma

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[|grad D(x)|^2]."""
        return squared_gradient_penalty(real)


class R2(R1):
    """gamma / 2 E[|grad D(G(z))|^2] at generated samples: eq. 10 of arXiv:1801.04406."""

    name = "r2"

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[|grad D(G(z))|^2]."""
        return squared_gradient_penalty(fake)
