"""Noise on all that the discriminator sees."""

from collections.abc import Callable

import torch
from torch import Tensor

from lightning_gans.augment.augment import Augment
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Clock


class InstanceNoise(Augment):
    """Gaussian noise on real and on generated samples, fading out: two distributions that do not overlap do then.

        D sees x + sigma e,  e ~ N(0, I),  sigma = std max(0, 1 - step / decay_steps)

    Sonderby et al. 2017, arXiv:1610.04490, section 3; Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 3.2. Fits
    every objective. A gradient penalty is taken at noisy samples, which are the data as D knows them.

    Args:
        std: Standard deviation of the noise in the first step; images lie in [-1, 1].
        decay_steps: Number of steps in which it falls to 0.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, std: float = 0.1, decay_steps: int = 10_000) -> None:
        if std < 0:
            raise ConfigError("std", std, "must be 0 or more")
        if decay_steps < 1:
            raise ConfigError("decay_steps", decay_steps, "the noise falls to 0 in 1 step or more")
        self.std, self.decay_steps = std, decay_steps

    def std_at(self, step: int) -> float:
        """The noise's standard deviation in a step, counted from 0.

        Example:
            >>> [InstanceNoise(0.5, 4).std_at(step) for step in (0, 2, 4, 9)]
            [0.5, 0.25, 0.0, 0.0]
        """
        return self.std * max(0.0, 1 - step / self.decay_steps)

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Noisy samples."""
        std = self.std_at(clock.step)
        if not std:
            return samples
        noise = rand(torch.randn, len(samples), *samples.shape[1:])
        return samples + std * noise.to(samples.dtype)

    def logged(self, clock: Clock) -> dict[str, float]:
        """``instance_noise``, the standard deviation."""
        return {"instance_noise": self.std_at(clock.step)}
