"""The generator learns from its better samples."""

import math

from torch import Tensor

from lightning_gans.errors import ConfigError


class TopK:
    """The generator's loss is a mean over those k of its N samples that the discriminator finds most real.

        k = N max(min_fraction, gamma^step),    gamma^decay_steps = min_fraction

    Sinha et al. 2020, arXiv:2002.06224, algorithm 1: the gradient at samples that D is sure are fake often leads away
    from the data. k begins at N, when D knows nothing yet. Fits objectives whose generator's loss is a mean of one
    term for each sample; with PacGAN the samples are packs. Which k they are is decided among the samples of one
    process and one micro-batch, so with several of them it is not quite the same method.

    Args:
        min_fraction: Smallest k / N; the paper's is 1/2 or more.
        decay_steps: Number of steps in which it is reached.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, min_fraction: float = 0.5, decay_steps: int = 2000) -> None:
        if not 0 < min_fraction <= 1:
            raise ConfigError("min_fraction", min_fraction, "is a share of the samples, above 0 and up to 1")
        if decay_steps < 1:
            raise ConfigError("decay_steps", decay_steps, "k falls in 1 step or more")
        self.min_fraction, self.decay_steps = min_fraction, decay_steps

    def k(self, n: int, step: int) -> int:
        """K of n samples in a step, counted from 0.

        Example:
            >>> [TopK(min_fraction=0.25, decay_steps=10).k(64, step) for step in (0, 5, 10, 99)]
            [64, 32, 16, 16]
        """
        fraction: float = max(self.min_fraction, self.min_fraction ** (step / self.decay_steps))
        return max(1, math.ceil(n * fraction))

    def __call__(self, logits: Tensor, step: int) -> Tensor:
        """The logits (k, ...) of the samples with the largest ones of (N, ...); several of a sample are averaged."""
        return logits[logits.reshape(len(logits), -1).mean(1).topk(self.k(len(logits), step)).indices]
