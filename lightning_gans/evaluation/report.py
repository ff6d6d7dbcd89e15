"""Figures with their provenance, and when two of them may be compared."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_gans.errors import ConfigError

HIGHER_IS_BETTER: dict[str, bool | None] = {
    "fid": False,
    "kid": False,
    "mmd": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "one_nn_accuracy": None,  # best at one half
    "variance_ratio": None,  # best at one
    "is": True,
    "marginal_entropy": True,
    "conditional_entropy": False,
    "num_classes_covered": True,
    "class_accuracy": True,
    "reconstruction_accuracy": True,
}
"""Which way each figure improves, by its name without the extractor's suffix; None where neither way."""

_OPTIONAL = {"p_values", "nearest"}  # how figures came about that only one of two reports may have


@dataclass(frozen=True)
class Report:
    """Figures with what they mean.

    Attributes:
        values: From metric names (``fid_digits``) to figures.
        real_vs_real: What a perfect generator would score with these two counts, as far as the real images can tell.
        provenance: How the figures came about, as plain data.
        intervals: 95% intervals over the choice of samples, the real images given, where they were asked for.
    """

    values: dict[str, float]
    real_vs_real: dict[str, float]
    provenance: dict[str, Any]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """What the images were measured against, and how, in a line that follows their number."""
        made = self.provenance
        subset = made.get("subset")
        pairs = f" (neighbors and MMD: {subset['size']} of them, seed {subset['seed']})" if subset else ""
        features = f"features {made['features']} {made['features_sha256'][:8]}"
        return f"against {made['real']['count']} real images{pairs}; {features}; floor: {made['real_vs_real']}"

    def logged(self) -> dict[str, float]:
        """The figures under the names that are logged: ``metrics/<name>``."""
        return {f"metrics/{name}": value for name, value in self.values.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        found = {"values": self.values, "real_vs_real": self.real_vs_real, "intervals": intervals}
        return {**found, "provenance": self.provenance}

    @classmethod
    def from_file(cls, path: str | Path) -> "Report":
        """Read a report that was written as JSON, by this release or by 0.1.

        Raises:
            ConfigError: The file is missing or is no report.
        """
        try:
            content = _migrated(json.loads(Path(path).read_text()))
            intervals = {name: tuple(ends) for name, ends in content["intervals"].items()}
            return cls(content["values"], content["real_vs_real"], content["provenance"], intervals)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError("report", str(path), f"cannot be read as a report ({error})") from error


def differences(first: Report, second: Report) -> dict[str, tuple[Any, Any]]:
    """Where the provenance of two reports differs in what makes their figures comparable; the samples may differ.

    Example:
        >>> one, two = (Report({}, {}, {"features": name, "fake": {"count": 10, "seed": name}}) for name in "ab")
        >>> differences(one, two)
        {'features': ('a', 'b')}
    """
    flat = [{**r.provenance, "fake": (r.provenance.get("fake") or {}).get("count")} for r in (first, second)]
    keys = sorted((flat[0].keys() | flat[1].keys()) - (_OPTIONAL - (flat[0].keys() & flat[1].keys())))
    return {key: (flat[0].get(key), flat[1].get(key)) for key in keys if flat[0].get(key) != flat[1].get(key)}


def _migrated(content: dict[str, Any]) -> dict[str, Any]:
    """A report's content under today's names; those of 0.1 were others."""
    if "protocol" not in content:
        return content
    provenance = dict(content["protocol"])
    if "floor" in provenance:
        provenance["real_vs_real"] = provenance.pop("floor")
    kernel = "kid" if "PolynomialKernel(degree=3, gamma=None, offset=1.0)" in provenance.get("mmd", "") else "mmd"
    renamed = {"two_sample_accuracy": "one_nn_accuracy", "classes": "num_classes_covered", "mmd": kernel}

    def today(name: str) -> str:
        return re.sub(r"^(two_sample_accuracy|classes|mmd)(?=_|$)", lambda found: renamed[found[0]], name)

    old = {"values": "values", "real_vs_real": "floors", "intervals": "intervals"}
    figures = {part: {today(name): value for name, value in content[old[part]].items()} for part in old}
    return {**figures, "provenance": provenance}
