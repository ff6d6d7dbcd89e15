"""Noise on all that the discriminator sees."""

import torch
from torch import Tensor

from lightning_gans.engine import GAN, Trick
from lightning_gans.errors import ConfigError


class InstanceNoise(Trick):
    """Gaussian noise on real and on generated samples, fading out: two distributions that do not overlap do then.

        D sees x + sigma e,  e ~ N(0, I),  sigma = std max(0, 1 - step / steps)

    Sonderby et al. 2017, arXiv:1610.04490, section 3; Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 3.2. Fits
    every objective. A gradient penalty is taken at noisy samples, which are the data as D knows them.

    Args:
        std: Standard deviation of the noise in the first step; images lie in [-1, 1].
        steps: Number of steps in which it falls to 0.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, std: float = 0.1, steps: int = 10_000) -> None:
        if std < 0:
            raise ConfigError("std", std, "must be 0 or more")
        if steps < 1:
            raise ConfigError("steps", steps, "the noise falls to 0 in 1 step or more")
        self.std, self.rounds = std, steps

    def sigma(self, step: int) -> float:
        """The noise's standard deviation in a step, counted from 0.

        Example:
            >>> [InstanceNoise(0.5, 4).sigma(step) for step in (0, 2, 4, 9)]
            [0.5, 0.25, 0.0, 0.0]
        """
        return self.std * max(0.0, 1 - step / self.rounds)

    def seen(self, game: GAN, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Noisy samples; what is judged with them (labels, latents) stays as it is."""
        sigma = self.sigma(game.step)
        game.note("instance_noise", sigma)
        if not sigma:
            return inputs
        samples, *rest = inputs
        noise = game.rand(torch.randn, len(samples), *samples.shape[1:])
        return samples + sigma * noise.to(samples.dtype), *rest
