"""The metrics of real against fake features as torchmetrics classes; the mathematics is in ``functional``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from lightning_gans.evaluation.metrics.base import ComparisonMetric, FeatureMetric
from lightning_gans.evaluation.metrics.functional.frechet import frechet_distance
from lightning_gans.evaluation.metrics.functional.mmd import KID_KERNEL
from lightning_gans.evaluation.metrics.functional.modes import mode_coverage, mode_spread
from lightning_gans.evaluation.metrics.functional.pairwise import PairwisePass
from lightning_gans.evaluation.metrics.functional.statistics import FeatureStatistics, ReferenceStatistics
from lightning_gans.objectives.kernels import Kernel


class FrechetDistance(ComparisonMetric):
    """Frechet distance, see ``frechet_distance``; a scalar, 0 is best.

    Args:
        reset_real_features: Whether ``reset`` forgets the real features.

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
        reset_real_features: Whether ``reset`` forgets the real features.

    Example:
        >>> from lightning_gans.evaluation.metrics.kernels import LinearKernel
        >>> metric = MaximumMeanDiscrepancy(LinearKernel(), biased=True)
        >>> metric.update(torch.tensor([[0.0], [2.0]]), real=True)
        >>> metric.update(torch.tensor([[3.0], [5.0]]), real=False)
        >>> metric.compute()
        tensor(9., dtype=torch.float64)
    """

    higher_is_better = False

    def __init__(
        self, kernel: Kernel = KID_KERNEL, biased: bool = False, reset_real_features: bool = True, **kwargs: object
    ) -> None:
        super().__init__(reset_real_features, **kwargs)
        self.kernel, self.biased = kernel, biased

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> Tensor:
        return PairwisePass(real, fake, kernels=(self.kernel,)).maximum_mean_discrepancy(self.kernel, self.biased)


class PrecisionRecall(ComparisonMetric):
    """``precision`` and ``recall``, see ``precision_recall``.

    Args:
        k: Number of neighbors.
        strict: Whether a point on the sphere is outside.
        reset_real_features: Whether ``reset`` forgets the real features.

    Example:
        >>> metric = PrecisionRecall(k=1)
        >>> metric.update(torch.arange(6.0)[:, None], real=True)
        >>> metric.update(torch.tensor([[0.5], [1.5], [2.5], [20.0]]), real=False)
        >>> metric.compute()["precision"]
        tensor(0.7500, dtype=torch.float64)
    """

    higher_is_better = True

    def __init__(self, k: int = 3, strict: bool = False, reset_real_features: bool = True, **kwargs: object) -> None:
        super().__init__(reset_real_features, **kwargs)
        self.k, self.strict = k, strict

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        pairs = PairwisePass(real, fake, real_balls=(self.k,), fake_balls=(self.k,))
        return pairs.precision_recall(self.k, self.strict)._asdict()


class DensityCoverage(ComparisonMetric):
    """``density`` and ``coverage``, see ``density_coverage``.

    Args:
        k: Number of neighbors.
        strict: Whether a point on the sphere is outside.
        reset_real_features: Whether ``reset`` forgets the real features.

    Example:
        >>> metric = DensityCoverage(k=1)
        >>> metric.update(torch.arange(6.0)[:, None], real=True)
        >>> metric.update(torch.tensor([[0.5], [1.5], [2.5]]), real=False)
        >>> metric.compute()["density"]
        tensor(2., dtype=torch.float64)
    """

    higher_is_better = True

    def __init__(self, k: int = 5, strict: bool = True, reset_real_features: bool = True, **kwargs: object) -> None:
        super().__init__(reset_real_features, **kwargs)
        self.k, self.strict = k, strict

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        return PairwisePass(real, fake, real_balls=(self.k,)).density_coverage(self.k, self.strict)._asdict()


class OneNNAccuracy(ComparisonMetric):
    """``one_nn_accuracy_real``, ``one_nn_accuracy_fake`` and ``one_nn_accuracy_pooled``; 0.5 is best.

    See ``one_nn_accuracy``.

    Args:
        reset_real_features: Whether ``reset`` forgets the real features.

    Example:
        >>> metric = OneNNAccuracy()
        >>> metric.update(torch.tensor([[0.0], [1.0]]), real=True)
        >>> metric.update(torch.tensor([[8.0], [9.0]]), real=False)
        >>> metric.compute()["one_nn_accuracy_pooled"]
        tensor(1., dtype=torch.float64)
    """

    higher_is_better = None

    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> dict[str, Tensor]:
        accuracy = PairwisePass(real, fake, nearest=True).one_nn_accuracy()
        return {f"one_nn_accuracy_{name}": value for name, value in accuracy._asdict().items()}


class ModeCoverage(FeatureMetric):
    """``modes``, ``high_quality``, ``reverse_kl``, ``jsd``, ``spread`` of the fakes; real samples are not used.

    See ``mode_coverage`` and ``mode_spread``.

    Args:
        means: Centers of the modes, shape (K, d).
        std: Standard deviation of every mode, or one for each.
        threshold: Standard deviations within which a sample is of high quality.
        reset_real_features: Whether ``reset`` forgets the real features.

    Example:
        >>> metric = ModeCoverage(means=[[0.0, 0.0], [9.0, 0.0]], std=0.1)
        >>> metric.update(torch.tensor([[0.1, 0.0], [9.0, 0.1], [9.0, 5.0]]), real=False)
        >>> metric.compute()["high_quality"]
        tensor(0.6667, dtype=torch.float64)
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
        reset_real_features: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(reset_real_features, **kwargs)
        self.means = torch.as_tensor(means, dtype=torch.float64)
        self.std, self.threshold = torch.as_tensor(std, dtype=torch.float64), threshold

    def compute(self) -> dict[str, Tensor]:
        """The value from all fakes of all processes, float64 on the CPU."""
        given = self._rows("fake"), self.means, self.std, self.threshold
        return mode_coverage(*given)._asdict() | {"spread": mode_spread(*given)}
