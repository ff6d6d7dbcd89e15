"""Inception Score as a torchmetrics class."""

from torch import Tensor

from lightning_gans.evaluation.metrics.base import ListStateMetric, State
from lightning_gans.evaluation.metrics.functional.inception import inception_score


class InceptionScore(ListStateMetric):
    """``inception_score`` and ``inception_score_std``: see the function ``inception_score``.

    Args:
        splits: Number of splits.
        seed: Seed of the shuffle, ``None`` for none.

    Example:
        >>> import torch
        >>> metric = InceptionScore(splits=1)
        >>> metric.update(20 * torch.eye(4))
        >>> metric.compute()["inception_score"]
        tensor(4.0000, dtype=torch.float64)
    """

    higher_is_better = True
    list_states = ("logits",)
    logits: State
    logits_index: State

    def __init__(self, splits: int = 10, seed: int | None = 2020, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.splits, self.seed = splits, seed

    def update(self, logits: Tensor, index: Tensor | None = None) -> None:
        """Add a batch of fakes.

        Args:
            logits: Logits of a classifier, shape (N, C); N may be 0.
            index: Index of each sample, shape (N,); the splits depend on the order, so give it when several
                processes have samples other than in turn.

        Raises:
            ConfigError: If shapes do not fit each other or earlier batches.
        """
        self._append("logits", logits, index)

    def compute(self) -> dict[str, Tensor]:
        """The value from all samples of all processes, float64 on the CPU."""
        mean, std = inception_score(self._rows("logits"), self.splits, self.seed)
        return {"inception_score": mean, "inception_score_std": std}
