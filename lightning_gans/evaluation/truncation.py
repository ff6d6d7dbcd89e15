"""What truncation trades: figures over psi, or over the bound of the prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning_gans.engine import LatentModel
from lightning_gans.engine.protocols import is_styled
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.report import Report
from lightning_gans.evaluation.sources import TruncatedSource

FIGURES = ("precision", "recall", "variance_ratio", "fid")

_SETTINGS = {"psi": "psi", "bound": "truncation"}  # of `generate`
_VALUES: dict[str, tuple[float | None, ...]] = {
    "psi": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    "bound": (0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, None),
}


@dataclass(frozen=True)
class TruncationCurve:
    """Reports of samples that a seed selects, under one truncation after the other.

    Attributes:
        kind: ``"psi"``, the truncation in W of a styled generator (Karras et al. 2019, arXiv:1812.04948, section 3 and
            appendix B): 1 for none. Or ``"bound"``, the largest absolute value of a latent's entries (the truncation
            trick, Brock et al. 2019, arXiv:1809.11096, section 3.1): None for none.
        values: Of psi, or bounds.
        reports: One for each.
        suffix: Of the figures' names in them.
    """

    kind: str
    values: tuple[float | None, ...]
    reports: tuple[Report, ...]
    suffix: str

    def figure(self, name: str) -> list[float]:
        """One of ``FIGURES`` at each value; of the spread, ``variance_ratio``."""
        return [report.values[name + self.suffix] for report in self.reports]

    def floor(self, name: str) -> float:
        """The same of real images against real ones."""
        return self.reports[0].real_vs_real[name + self.suffix]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"kind": self.kind, "values": self.values, "reports": [report.as_dict() for report in self.reports]}


def truncation_curve(
    evaluator: Evaluator,
    model: LatentModel,
    real: ImageSource,
    kind: str,
    values: Sequence[float | None] | None = None,
    *,
    num_samples: int = 10_000,
    seed: int = 0,
    ema: bool = True,
) -> TruncationCurve:
    """Measure a model's samples under each truncation; see ``TruncationCurve`` for ``kind`` and ``values``.

    Raises:
        ConfigError: There is no such kind, the model has no styles, or a value is impossible.
    """
    if kind not in _SETTINGS:
        raise ConfigError("truncation_curve", kind, f"choose one of {', '.join(_SETTINGS)}")
    if kind == "psi" and not is_styled(model.generator):
        raise ConfigError(
            "truncation_curve", kind, f"the generator of {type(model).__name__} has no styles; take bound"
        )
    chosen = tuple(_VALUES[kind] if values is None else values)
    for value in chosen:
        if value is not None and kind == "bound":
            model.prior.truncate(value)  # refuses now, not after the others have been measured
    sources = [TruncatedSource(model, num_samples, seed, ema, **{_SETTINGS[kind]: value}) for value in chosen]
    reports = tuple(evaluator.evaluate(source, real) for source in sources)
    return TruncationCurve(kind, chosen, reports, evaluator.features.metric_suffix)
