"""Gradient penalties around zero: R1 and R2."""

from dataclasses import replace

from torch import Tensor

from lightning_gans.batch import Scored
from lightning_gans.errors import ConfigError
from lightning_gans.regularizers.gradients import Score, squared_gradient_penalty
from lightning_gans.regularizers.regularizer import GradientRegularizer, Rand
from lightning_gans.schedule import Ramp


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
        smallest = min(gamma.start, gamma.end) if isinstance(gamma, Ramp) else gamma
        if not smallest >= 0:
            raise ConfigError("gamma", smallest, "must be 0 or more; the paper uses 10")
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
