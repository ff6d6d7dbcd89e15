"""Other targets than 1 for real samples and 0 for generated ones, in losses that are a cross-entropy."""

import torch
from torch import Tensor, nn

from lightning_gans.batch import Scored
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.regularizers.gradients import Score
from lightning_gans.regularizers.regularizer import Rand, Regularizer


class TargetRegularizer(Regularizer):
    """Changes the targets of a cross-entropy; other losses have no targets that are probabilities."""

    needs_objective = True

    def validate(self, objective: Objective | None, network: nn.Module) -> None:
        """The objective must be a cross-entropy."""
        if objective is None or not objective.cross_entropy:
            kind = "a loss on features" if objective is None else type(objective).__name__
            hint = f"needs an objective that is a cross-entropy, and {kind} is none; leave it out"
            raise ConfigError("regularizers", type(self).__name__, hint)


class LabelSmoothing(TargetRegularizer):
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

    def __init__(self, target: float = 0.9) -> None:
        if not 0.5 < target <= 1:
            raise ConfigError("target", target, "the probability that a real sample is real: above 0.5, up to 1")
        super().__init__(1 - target)
        self.target = target

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[l(x)]."""
        return real.logits.mean()


class NoisyLabels(TargetRegularizer):
    """Targets that are drawn for each sample: soft ones on both sides, and now and then those of the other side.

        -t log D(x) - (1 - t) log(1 - D(x)) = -log D(x) + (1 - t) l(x),    t ~ Unif(real)
        -s log D(G(z)) - (1 - s) log(1 - D(G(z))) = -log(1 - D(G(z))) - s l(G(z)),    s ~ Unif(fake)

    With the probability ``flip`` a sample's target is drawn as that of the other side. From Chintala et al. 2016, *How
    to train a GAN?*, number 6, whose ranges are the default. In expectation it is label smoothing of both sides: the
    best D is (t p + s q) / (p + q) with the means of t and s, flips included. So generated samples are real to the
    degree s wherever there are no real ones, and Salimans et al. 2016, arXiv:1606.03498, section 3.4, smooth one side.

    Args:
        real: Ends of the range of t.
        fake: Ends of the range of s.
        flip: Share of the samples whose targets are exchanged; below one half.

    Raises:
        ConfigError: A range is none, its mean is on the side of the other, or the share is out of range.
    """

    name = "noisy_labels"

    def __init__(
        self, real: tuple[float, float] = (0.7, 1.2), fake: tuple[float, float] = (0.0, 0.3), flip: float = 0.05
    ) -> None:
        for side, ends, low, high in (("real", real, 0.5, 1.0), ("fake", fake, 0.0, 0.5)):
            if not (ends[0] <= ends[1] and low <= sum(ends) / 2 <= high):
                hint = f"must be [low, high] with its middle from {low:g} to {high:g}: targets of D, a probability"
                raise ConfigError(side, list(ends), hint)
        if not 0 <= flip < 0.5:
            raise ConfigError("flip", flip, "must be a share of the samples, from 0 to below one half")
        super().__init__(1.0)
        self.real, self.fake, self.flip = tuple(real), tuple(fake), flip

    def penalty(self, score: Score, real: Scored, fake: Scored, rand: Rand) -> Tensor:
        """E[(1 - t) l(x)] - E[s l(G(z))]."""
        t = self._targets(self.real, self.fake, real, rand)
        s = self._targets(self.fake, self.real, fake, rand)
        return ((1 - t) * real.logits).mean() - (s * fake.logits).mean()

    def _targets(self, own: tuple[float, ...], other: tuple[float, ...], scored: Scored, rand: Rand) -> Tensor:
        """One for all logits of a sample, (N, 1, ...)."""
        size = scored.sample.size
        low, high = torch.tensor([own, other], device=scored.logits.device).unbind(1)
        side = (rand(torch.rand, size) < self.flip).long()  # 1 where the target is the other side's
        targets = low[side] + (high - low)[side] * rand(torch.rand, size)
        return targets.reshape(-1, *[1] * (scored.logits.ndim - 1))
