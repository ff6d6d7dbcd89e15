"""The metrics of features and logits as torchmetrics classes; the mathematics is in ``functional``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from lightning_gans.evaluation.metrics.base import ComparisonMetric, FeatureMetric, ListStateMetric, State
from lightning_gans.evaluation.metrics.functional.frechet import frechet_distance
from lightning_gans.evaluation.metrics.functional.mmd import KID_KERNEL, maximum_mean_discrepancy
from lightning_gans.evaluation.metrics.functional.pairwise import density_coverage, one_nn_accuracy, precision_recall
from lightning_gans.evaluation.metrics.functional.samples import inception_score, mode_coverage, mode_spread
from lightning_gans.evaluation.metrics.functional.statistics import FeatureStatistics, ReferenceStatistics
from lightning_gans.objectives.kernels import Kernel


class FrechetDistance(ComparisonMetric):
    """See ``frechet_distance``; a scalar, 0 is best.

    Example:
        >>> metric = FrechetDistance()
        >>> metric.update(torch.tensor([[0.0], [2.0]]), real=True)
        >>> metric.update(torch.tensor([[3.0], [5.0]]), real=False)
        >>> metric.compute()
        tensor(9., dtype=torch.float64)
    """

    higher_is_better = False

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> Tensor:
        return frechet_distance(real, fake)


class MaximumMeanDiscrepancy(ComparisonMetric):
    """MMD^2, see ``maximum_mean_discrepancy``; a scalar, 0 is best.

    Args:
        kernel: The kernel, by default ``(x.y / D + 1)^3``.
        biased: Whether to use the V-statistic.
        kwargs: Arguments of ``FeatureMetric``.
    """

    higher_is_better = False

    def __init__(self, kernel: Kernel = KID_KERNEL, biased: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel, self.biased = kernel, biased

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> Tensor:
        return maximum_mean_discrepancy(real, fake, self.kernel, self.biased)


class PrecisionRecall(ComparisonMetric):
    """``precision`` and ``recall``, see ``precision_recall``.

    Args:
        k: Number of neighbors.
        strict: Whether a point on the sphere is outside.
        kwargs: Arguments of ``FeatureMetric``.

    Example:
        >>> metric = PrecisionRecall(k=1)
        >>> metric.update(torch.arange(6.0)[:, None], real=True)
        >>> metric.update(torch.tensor([[0.5], [1.5], [2.5], [20.0]]), real=False)
        >>> metric.compute()["precision"]
        tensor(0.7500, dtype=torch.float64)
    """

    higher_is_better = True

    def __init__(self, k: int = 3, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k, self.strict = k, strict

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        return precision_recall(real, fake, self.k, self.strict)._asdict()


class DensityCoverage(ComparisonMetric):
    """``density`` and ``coverage``, see ``density_coverage``.

    Args:
        k: Number of neighbors.
        strict: Whether a point on the sphere is outside.
        kwargs: Arguments of ``FeatureMetric``.
    """

    higher_is_better = True

    def __init__(self, k: int = 5, strict: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k, self.strict = k, strict

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        return density_coverage(real, fake, self.k, self.strict)._asdict()


class OneNNAccuracy(ComparisonMetric):
    """``one_nn_accuracy_real``, ``one_nn_accuracy_fake``, ``one_nn_accuracy_pooled``, see ``one_nn_accuracy``."""

    higher_is_better = None

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        return {f"one_nn_accuracy_{name}": value for name, value in one_nn_accuracy(real, fake)._asdict().items()}


class ModeCoverage(FeatureMetric):
    """``modes``, ``high_quality``, ``reverse_kl``, ``jsd``, ``spread``, see ``mode_coverage`` and ``mode_spread``.

    Of the fakes: real samples are not used.

    Args:
        means: Centers of the modes, shape (K, d).
        std: Standard deviation of every mode, or one for each.
        threshold: Standard deviations within which a sample is of high quality.
        kwargs: Arguments of ``FeatureMetric``.
    """

    higher_is_better = None  # each figure has a direction of its own
    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        "modes": True,
        "high_quality": True,
        "reverse_kl": False,
        "jsd": False,
        "spread": None,
    }

    def __init__(
        self,
        means: Tensor | Sequence[Sequence[float]],
        std: float | Sequence[float],
        threshold: float = 3.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.means = torch.as_tensor(means, dtype=torch.float64)
        self.std, self.threshold = torch.as_tensor(std, dtype=torch.float64), threshold

    def compute(self) -> dict[str, Tensor]:
        """The value from all fakes of all processes, float64 on the CPU."""
        given = self._rows("fake"), self.means, self.std, self.threshold
        return mode_coverage(*given)._asdict() | {"spread": mode_spread(*given)}


class InceptionScore(ListStateMetric):
    """``inception_score`` and ``inception_score_std``: see the function ``inception_score``.

    Args:
        splits: Number of splits.
        seed: Seed of the shuffle, ``None`` for none.
    """

    higher_is_better = True
    list_states = ("logits",)
    logits: State
    logits_index: State

    def __init__(self, splits: int = 10, seed: int | None = 2020, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.splits, self.seed = splits, seed

    def update(self, logits: Tensor, index: Tensor | None = None) -> None:
        """Add the logits (N, C) of a batch of fakes; ``index`` as in ``FeatureMetric``: the splits depend on the order.

        Raises:
            ConfigError: If shapes do not fit each other or earlier batches.
        """
        self._append("logits", logits, index)

    def compute(self) -> dict[str, Tensor]:
        """The value from all samples of all processes, float64 on the CPU."""
        mean, std = inception_score(self._rows("logits"), self.splits, self.seed)
        return {"inception_score": mean, "inception_score_std": std}
