"""Softer targets for the discriminator."""

from torch import Tensor, nn

from lightning_gans.batch import Scored
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.regularizers.gradients import Score
from lightning_gans.regularizers.regularizer import Rand, Regularizer


class LabelSmoothing(Regularizer):
    """One-sided: real samples get the target t < 1, generated ones stay at 0: D is not driven to be ever more certain.

        -t log D(x) - (1 - t) log(1 - D(x)) = -log D(x) + (1 - t) l(x),    D = sigmoid(l)

    Salimans et al. 2016, arXiv:1606.03498, section 3.4. So it adds (1 - t) E[l(x)] to the discriminator's loss. Fits
    losses that are a cross-entropy of real against generated; targets of other losses are no probabilities.

    Args:
        target: t; 0.9 is usual.

    Raises:
        ConfigError: The target is no probability above one half.
    """

    name = "label_smoothing"
    needs_objective = True

    def __init__(self, target: float = 0.9) -> None:
        if not 0.5 < target <= 1:
            raise ConfigError("target", target, "the probability that a real sample is real: above 0.5, up to 1")
        super().__init__(1 - target)
        self.target = target

    def validate(self, objective: Objective | None, network: nn.Module) -> None:
        """The objective must be a cross-entropy.

        Raises:
            ConfigError: It is another.
        """
        if objective is None or not objective.cross_entropy:
            kind = "a loss on features" if objective is None else type(objective).__name__
            hint = f"needs an objective that is a cross-entropy, and {kind} is none; leave it out"
            raise ConfigError("regularizers", type(self).__name__, hint)

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[l(x)]."""
        return real.logits.mean()
