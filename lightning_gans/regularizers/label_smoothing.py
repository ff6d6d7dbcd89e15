"""Softer targets for the discriminator."""

from torch import Tensor

from lightning_gans.engine import GAN, Trick
from lightning_gans.errors import ConfigError


class LabelSmoothing(Trick):
    """Real samples get the target t < 1, generated ones stay at 0: D is not driven to be ever more certain.

        -t log D(x) - (1 - t) log(1 - D(x)) = -log D(x) + (1 - t) l(x),    D = sigmoid(l)

    Salimans et al. 2016, arXiv:1606.03498, section 3.4. So it adds (1 - t) E[l(x)] to the discriminator's loss. Fits
    losses that are a cross-entropy of real against generated; targets of other losses are no probabilities.

    Args:
        target: t; 0.9 is usual.

    Raises:
        ConfigError: The target is no probability above one half.
    """

    def __init__(self, target: float = 0.9) -> None:
        if not 0.5 < target <= 1:
            raise ConfigError("target", target, "the probability that a real sample is real: above 0.5, up to 1")
        self.target = target

    def check(self, game: GAN) -> None:
        """The logits must be log odds."""
        if not game.log_odds:
            hint = f"needs a loss that is a cross-entropy, and that of {type(game).__name__} is none; leave it out"
            raise ConfigError("tricks", type(self).__name__, hint)

    def charge(
        self, game: GAN, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], real_logits: Tensor, fake_logits: Tensor
    ) -> Tensor | None:
        """(1 - t) E[l(x)]."""
        return (1 - self.target) * real_logits.mean()
