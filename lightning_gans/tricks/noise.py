"""Noise on all that the discriminator sees."""

import torch
from torch import Tensor

from lightning_gans.core import GAN, Trick
from lightning_gans.errors import SettingError


class InstanceNoise(Trick):
    """Gaussian noise on real and on generated samples, fading out: two distributions that do not overlap do then.

        D sees x + sigma e,  e ~ N(0, I),  sigma = std max(0, 1 - round / rounds)

    Sonderby et al. 2017, arXiv:1610.04490, section 3; Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 3.2. Fits
    every objective. A gradient penalty is taken at noisy samples, which are the data as D knows them.

    Args:
        std: Standard deviation of the noise in the first round; images lie in [-1, 1].
        rounds: Number of rounds in which it falls to 0.

    Raises:
        SettingError: A setting is out of its range.
    """

    def __init__(self, std: float = 0.1, rounds: int = 10_000) -> None:
        if std < 0:
            raise SettingError("std", std, "must be 0 or more")
        if rounds < 1:
            raise SettingError("rounds", rounds, "the noise falls to 0 in 1 round or more")
        self.std, self.rounds = std, rounds

    def sigma(self, round_: int) -> float:
        """The noise's standard deviation in a round, counted from 0.

        Example:
            >>> [InstanceNoise(0.5, 4).sigma(round_) for round_ in (0, 2, 4, 9)]
            [0.5, 0.25, 0.0, 0.0]
        """
        return self.std * max(0.0, 1 - round_ / self.rounds)

    def seen(self, game: GAN, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Noisy samples; what is judged with them (labels, latents) stays as it is."""
        sigma = self.sigma(game.round)
        game.note("instance_noise", sigma)
        if not sigma:
            return inputs
        samples, *rest = inputs
        noise = game.rand(torch.randn, len(samples), *samples.shape[1:])
        return samples + sigma * noise.to(samples.dtype), *rest
