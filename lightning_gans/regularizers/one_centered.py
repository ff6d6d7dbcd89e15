"""A gradient penalty around one."""

import torch
from torch import Tensor

from lightning_gans.batch import Scored
from lightning_gans.regularizers.gradients import Score, gradient_penalty
from lightning_gans.regularizers.regularizer import GradientRegularizer, Rand
from lightning_gans.schedule import Ramp


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
