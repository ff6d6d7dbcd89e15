"""The generator learns from its better samples."""

import math

from torch import Tensor

from lightning_gans.engine import GAN, Trick
from lightning_gans.errors import ConfigError


class TopK(Trick):
    """The generator's loss is a mean over those k of its N samples that the discriminator finds most real.

        k = N max(share, gamma^step),    gamma^steps = share

    Sinha et al. 2020, arXiv:2002.06224, algorithm 1: the gradient at samples that D is sure are fake often leads away
    from the data. k begins at N, when D knows nothing yet. Fits objectives whose generator's loss is a mean of one
    term for each sample; with PacGAN the samples are packs. Which k they are is decided among the samples of one
    process and one chunk (``accumulate``), so there it is not quite the same trick.

    Args:
        share: Smallest k / N; the paper's is 1/2 or more.
        steps: Number of steps in which it is reached.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, share: float = 0.5, steps: int = 2000) -> None:
        if not 0 < share <= 1:
            raise ConfigError("share", share, "is a share of the samples, above 0 and up to 1")
        if steps < 1:
            raise ConfigError("steps", steps, "k falls in 1 step or more")
        self.share, self.rounds = share, steps

    def check(self, game: GAN) -> None:
        """The generator's loss must be a mean over its samples."""
        if not game.sample_wise:
            hint = f"the generator's loss of {type(game).__name__} is no mean over single samples; leave it out"
            raise ConfigError("tricks", type(self).__name__, hint)

    def count(self, n: int, step: int) -> int:
        """K of n samples in a step, counted from 0.

        Example:
            >>> [TopK(share=0.25, steps=10).count(64, step) for step in (0, 5, 10, 99)]
            [64, 32, 16, 16]
        """
        share: float = max(self.share, self.share ** (step / self.rounds))
        return max(1, math.ceil(n * share))

    def heard(self, game: GAN, fake_logits: Tensor) -> Tensor:
        """The logits of the k samples with the largest ones; several logits of a sample are averaged to rank it."""
        count = self.count(len(fake_logits), game.step)
        game.note("top_k", count / len(fake_logits))
        return fake_logits[fake_logits.reshape(len(fake_logits), -1).mean(1).topk(count).indices]
