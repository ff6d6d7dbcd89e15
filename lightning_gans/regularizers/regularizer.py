"""What a regularizer of a discriminator is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from lightning_gans.batch import Scored
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.regularizers.gradients import Score, require_no_batch_statistics
from lightning_gans.schedule import Ramp

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
        smallest = min(weight.start, weight.end) if isinstance(weight, Ramp) else weight
        if not smallest >= 0:
            raise ConfigError(f"{self.name}.weight", smallest, "must be 0 or more")
        if interval < 1:
            raise ConfigError(f"{self.name}.interval", interval, "computed in every n-th update, n = 1, 2, ...")
        self.weight, self.interval = weight, interval

    def validate(self, objective: Objective | None, network: nn.Module) -> None:  # noqa: B027 # most fit all
        """Refuse a discriminator or an objective that it does not fit; called once, when the model is built.

        Args:
            objective: What the logits are for; None where the discriminator gives features and no logits.
            network: The discriminator.

        Raises:
            ConfigError: It does not fit.
        """

    @abstractmethod
    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """The term without its weight, a scalar.

        Args:
            score: The scoring function, under the augmentation that the discriminator sees.
            real: Real samples with their logits.
            fake: Generated samples with theirs.
            rand: The source of its random numbers.
        """


class GradientRegularizer(Regularizer):
    """A regularizer by the slope of the logits, which must be a function of each sample alone."""

    def validate(self, objective: Objective | None, network: nn.Module) -> None:
        """The discriminator must give logits, sample by sample.

        Raises:
            ConfigError: It gives features, or has batch norm.
        """
        if objective is None:
            hint = "this discriminator gives features, no logits, and its model has a penalty of its own; leave it out"
            raise ConfigError("regularizers", type(self).__name__, hint)
        require_no_batch_statistics(network)
