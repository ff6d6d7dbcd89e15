"""The metrics of features and logits as torchmetrics classes; the mathematics is in ``functional``.

Their state is every sample once, in one order, however many processes collected them.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, distributed
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.frechet import frechet_distance
from lightning_gans.evaluation.metrics.functional.mmd import KID_KERNEL, maximum_mean_discrepancy
from lightning_gans.evaluation.metrics.functional.pairwise import density_coverage, one_nn_accuracy, precision_recall
from lightning_gans.evaluation.metrics.functional.samples import inception_score, mode_coverage, mode_spread
from lightning_gans.evaluation.metrics.functional.statistics import FeatureStatistics, ReferenceStatistics, as_generated
from lightning_gans.objectives.kernels import Kernel

State = list[Tensor] | Tensor
Value = Tensor | dict[str, Tensor]


def sorted_by_index(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (N, D) in the order of their index (N,), those with an index seen before left out.

    The index is what the user gave, or ``-1 - position`` where none was given.
    """
    counted = index < 0  # never dropped: positions cannot repeat
    key = torch.where(counted, -1 - index, index) * 2 + counted
    key, order = key.sort(stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = (key[1:] != key[:-1]) | counted[order][1:]
    return rows[order[first]]


class ListStateMetric(Metric):
    """A metric whose state is rows (features or logits) with an index for each.

    Rows are kept in float32 or float64, and the value is float64 whatever the type of the module: ``half()`` and
    ``set_dtype`` move nothing but devices. ``forward`` only updates, since one batch has no value of its own.
    """

    is_differentiable = False
    full_state_update = False
    list_states: ClassVar[tuple[str, ...]]  # each has a companion `<name>_index`

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in self.list_states:
            self.add_state(name, default=[], dist_reduce_fx="cat")
            self.add_state(f"{name}_index", default=[], dist_reduce_fx="cat")

    def forward(self, *args: object, **kwargs: object) -> None:
        """Only update the state."""
        self.update(*args, **kwargs)

    def _append(self, name: str, rows: Tensor, index: Tensor | None) -> None:
        if rows.ndim != 2:
            raise ConfigError(name, tuple(rows.shape), "must be a matrix (samples, dimension); flatten each sample")
        states: list[Tensor] = getattr(self, name)
        if states and states[0].shape[1] != rows.shape[1]:
            raise ConfigError(name, tuple(rows.shape), f"earlier batches have dimension {states[0].shape[1]}")
        kept = rows.detach() if rows.dtype == torch.float64 else rows.detach().float()
        states.append(kept.clone() if kept.data_ptr() == rows.data_ptr() else kept)
        indices: list[Tensor] = getattr(self, f"{name}_index")
        indices.append(self._index(index, rows, sum(map(len, indices))))

    def _index(self, index: Tensor | None, rows: Tensor, seen: int) -> Tensor:
        if index is None:  # as a sampler deals them: sample i goes to process i modulo the number of processes
            several = distributed.is_available() and distributed.is_initialized()
            rank = distributed.get_rank(self.process_group) if several else 0
            world = distributed.get_world_size(self.process_group) if several else 1
            return -1 - (torch.arange(seen, seen + len(rows), device=rows.device) * world + rank)
        index = torch.as_tensor(index, device=rows.device).to(torch.int64)
        if index.shape != rows.shape[:1] or bool((index < 0).any()):
            raise ConfigError("index", tuple(index.shape), "must be one number of at least 0 for each row")
        return index

    def _collected(self, name: str) -> tuple[Tensor, Tensor] | None:
        """The rows (N, D) of this process and their index (N,), in the order of updates; None before the first."""
        rows, index = getattr(self, name), getattr(self, f"{name}_index")
        if isinstance(rows, Tensor) and isinstance(index, Tensor):  # torchmetrics joins what it gathers
            return rows, index
        return (torch.cat(rows), torch.cat(index)) if rows else None

    def _rows(self, name: str) -> Tensor:
        found = self._collected(name)
        if found is None or len(found[0]) == 0:
            raise ConfigError(name, 0, "no samples yet: call update before compute")
        return sorted_by_index(*found)

    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: object | None = None
    ) -> None:
        """Gather the rows of all processes, in the dimension and the type that one without rows cannot know."""
        for name in self.list_states:
            found = self._collected(name)
            facts = torch.tensor([0, 0] if found is None else [found[0].shape[1], int(found[0].dtype == torch.float64)])
            every = torch.stack(dist_sync_fn(facts.to(self.device), group=process_group or self.process_group)).cpu()
            dims = sorted({int(dim) for dim in every[:, 0]} - {0})
            if len(dims) > 1:
                raise ConfigError(name, dims, "processes have features of different dimensions")
            nothing = torch.zeros(0, dims[0] if dims else 1, device=self.device)
            rows, index = found or (nothing, torch.zeros(0, dtype=torch.int64, device=self.device))
            setattr(self, name, [rows.to(torch.float64 if int(every[:, 1].max()) else torch.float32)])
            setattr(self, f"{name}_index", [index])
        super()._sync_dist(dist_sync_fn, process_group)

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Self:
        """Follow the module to another device, never to another type."""
        super()._apply(lambda tensor: tensor.to(fn(tensor.new_empty(0)).device), exclude_state)
        return self


class FeatureMetric(ListStateMetric):
    """A metric of real against fake features.

    Args:
        reset_real_features: Whether ``reset`` forgets the real features. If not, what follows from them alone is
            computed once and kept too.
        kwargs: Arguments of ``torchmetrics.Metric``; ``compute_on_cpu=True`` keeps the features in main memory.
    """

    list_states = ("real", "fake")
    real: State
    fake: State
    real_index: State
    fake_index: State

    def __init__(self, reset_real_features: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reset_real_features = reset_real_features
        # A MetricCollection lets metrics of equal states share them; these two kinds must not.
        self.add_state("keeps_real", default=torch.tensor(int(not reset_real_features)), dist_reduce_fx="max")
        self._known: ReferenceStatistics | None = None

    def update(self, features: Tensor, real: bool, index: Tensor | None = None) -> None:
        """Add the features (N, D) of a batch of real or of generated samples; N may be 0.

        Samples with one index (N,) in their data set count once, and their order is that of the indices. Without it all
        samples count, in the order in which a distributed sampler without shuffling deals them.

        Raises:
            ConfigError: If shapes do not fit each other or earlier batches.
        """
        self._append("real" if real else "fake", features, index)

    def reset(self) -> None:
        """Forget the samples, the real ones only if ``reset_real_features``."""
        if self.reset_real_features:
            self._known = None
            super().reset()
            return
        kept = {name: self._defaults.pop(name) for name in ("real", "real_index")}
        super().reset()
        self._defaults.update(kept)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_known": None}


class ComparisonMetric(FeatureMetric):
    """A metric that compares fake features with real ones."""

    def compute(self) -> Value:
        """The value from all samples of all processes, float64 on the CPU."""
        real = self._reference()
        value = self._value(real, as_generated(self._rows("fake"), real))
        real.free()
        return value

    @abstractmethod
    def _value(self, real: ReferenceStatistics, fake: FeatureStatistics) -> Value:
        """The value from the statistics of both."""

    def _reference(self) -> ReferenceStatistics:
        rows = self._rows("real")
        known = self._known
        if known is not None and known.features.dtype == rows.dtype and torch.equal(known.features, rows):
            return known
        statistics = ReferenceStatistics(rows)
        self._known = None if self.reset_real_features else statistics
        return statistics


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
