"""Figures with their protocol, and when two of them may be compared."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_gans.errors import ConfigError

HIGHER_IS_BETTER: dict[str, bool | None] = {
    "fid": False,
    "mmd": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "two_sample_accuracy": None,  # best at one half
    "is": True,
    "classes": True,
    "class_accuracy": True,
    "reconstruction_accuracy": True,
}
"""Which way each figure improves, by its name without the extractor's suffix; None where neither way."""


@dataclass(frozen=True)
class Report:
    """Figures with what they mean.

    Attributes:
        values: From metric names (``fid_digits``) to figures.
        floors: What a perfect generator would score with these two counts, as far as the real images can tell.
        protocol: How the figures came about, as plain data.
        intervals: 95% intervals over the choice of samples, the real images given, where they were asked for.
    """

    values: dict[str, float]
    floors: dict[str, float]
    protocol: dict[str, Any]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def logged(self) -> dict[str, float]:
        """The figures under the names that are logged: ``metrics/<name>``.

        Example:
            >>> Report({"fid_digits": 5.0}, {}, {}).logged()
            {'metrics/fid_digits': 5.0}
        """
        return {f"metrics/{name}": value for name, value in self.values.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "values": self.values,
            "floors": self.floors,
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "protocol": self.protocol,
        }

    @classmethod
    def from_file(cls, path: str | Path) -> "Report":
        """Read a report that was written as JSON.

        Raises:
            ConfigError: The file is missing or is no report.
        """
        try:
            content = json.loads(Path(path).read_text())
            intervals = {name: tuple(ends) for name, ends in content["intervals"].items()}
            return cls(content["values"], content["floors"], content["protocol"], intervals)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError("report", str(path), f"cannot be read as a report ({error})") from error


def differences(first: Report, second: Report) -> dict[str, tuple[Any, Any]]:
    """Where the protocols of two reports differ in what makes their figures comparable; the fake side may differ.

    Example:
        >>> one, two = (Report({}, {}, {"features": name, "fake": {"count": 10, "seed": name}}) for name in "ab")
        >>> differences(one, two)
        {'features': ('a', 'b')}
    """
    flat = [{**r.protocol, "fake": (r.protocol.get("fake") or {}).get("count")} for r in (first, second)]
    keys = sorted(flat[0].keys() | flat[1].keys())
    return {key: (flat[0].get(key), flat[1].get(key)) for key in keys if flat[0].get(key) != flat[1].get(key)}
