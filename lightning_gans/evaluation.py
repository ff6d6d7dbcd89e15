"""Source x extractor x metrics -> report: one pass over the images, the real side computed once and kept on disk.

Images are taken by index, so any number of processes scores the same ones: each extracts a contiguous share, the
features are gathered in order, the first process computes, all receive the report.
"""

import hashlib
import inspect
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.errors import SettingError
from lightning_gans.features import Extractor, Features
from lightning_gans.losses.kernels import Kernel, PolynomialKernel
from lightning_gans.metrics.functional import Comparison, RealSide, frechet_distance, inception_score
from lightning_gans.sources import Source

SCHEMA = 1  # raised whenever the meaning of a cached real side or of a report changes
PRECISION_RECALL_K, DENSITY_COVERAGE_K = 3, 5  # the papers' choices

HIGHER_IS_BETTER = {
    "fid": False,
    "mmd": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "two_sample_accuracy": False,
    "is": True,
    "classes": True,
}
"""Which way each figure improves, by its name without the extractor's suffix."""


@dataclass(frozen=True)
class Report:
    """Figures with what they mean.

    Attributes:
        values: From metric names (``fid_digits``) to figures.
        floors: The same for real images against real images: what a perfect generator scores with these two counts.
        protocol: How the figures came about, as plain data.
        intervals: 95% intervals of the figures over the choice of samples, where they were asked for.
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
            SettingError: The file is missing or is no report.
        """
        try:
            content = json.loads(Path(path).read_text())
            intervals = {name: tuple(ends) for name, ends in content["intervals"].items()}
            return cls(content["values"], content["floors"], content["protocol"], intervals)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingError("report", str(path), f"cannot be read as a report ({error})") from error


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


@dataclass
class Evaluator:
    """Measures fake images against real ones, in the features of one extractor.

    Args:
        features: The extractor.
        batch_size: Images per call of the extractor.
        cache: Folder for what depends on the real images alone; None keeps nothing on disk. By default
            ``~/.cache/lightning_gans``, or the folder in ``LIGHTNING_GANS_CACHE``.
        kernel: Of MMD: KID's by default; ``GaussianKernel(10.0)`` with CLIP's features gives CMMD (times 1,000).
        resamples: Number of half-samples for 95% intervals; 0 for none.
        extra: Further torchmetrics metrics by name, fed with uint8 images: ``update(images, real=...)`` where they
            take that argument, and with the fake ones alone where they do not.
        on_batch: Called after each batch with the number of images done and their total, for a progress bar.

    Raises:
        SettingError: ``batch_size`` is not positive, or ``resamples`` is 1 or negative.
    """

    features: Extractor
    batch_size: int = 256
    cache: Path | None = field(default_factory=lambda: default_cache())
    kernel: Kernel = field(default_factory=PolynomialKernel)
    resamples: int = 0
    extra: Mapping[str, Metric] = field(default_factory=dict)
    on_batch: Callable[[int, int], None] = lambda done, total: None
    _known: dict[str, "_Real"] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise SettingError("batch_size", self.batch_size, "must be positive")
        if self.resamples < 0 or self.resamples == 1:
            raise SettingError("resamples", self.resamples, "a spread needs 2 or more half-samples; 0 for none")

    def evaluate(self, fake: Source, real: Source) -> Report:
        """Extract, compare. Collective: every process must call it; all get the same report.

        Args:
            fake: The images to be judged.
            real: The images that they should resemble.

        Raises:
            SettingError: The images do not suit the extractor, or there are too few of them.
        """
        side = self._real_side(real)
        extracted = self._gathered(fake)
        payload: list[Any] = [None]
        if _rank() == 0:
            payload = [self._report(side, extracted, real.protocol(), fake.protocol())]
        if _world_size() > 1:
            dist.broadcast_object_list(payload, src=0)
        report: Report = payload[0]
        return replace(report, values=report.values | self._extra_values(fake, real)) if self.extra else report

    def _report(self, real: "_Real", fake: Features, real_facts: dict[str, Any], fake_facts: dict[str, Any]) -> Report:
        count = len(fake.features)
        if count not in real.floors:
            real.floors[count] = self._measure(real, real.drawn(count))
            self._store(real)
        protocol = {
            "features": self.features.name,
            "features_sha256": self.features.fingerprint,
            "preprocessing": self.features.preprocessing,
            "real": real_facts,
            "fake": fake_facts,
            "k": {"precision_recall": PRECISION_RECALL_K, "density_coverage": DENSITY_COVERAGE_K},
            "mmd": f"unbiased MMD^2 over all samples, {self.kernel!r}",
            "floor": "real images drawn with replacement against all real images",
            "version": version("lightning-gans"),
            "schema": SCHEMA,
        }
        values = self._measure(real, fake)
        return Report(values, dict(real.floors[count]), protocol, self._intervals(values, real, fake))

    def _measure(self, real: "_Real", fake: Features) -> dict[str, float]:
        """All figures, from one pass over the pairs."""
        pairs = Comparison(
            real.side,
            fake.features,
            real_balls=(PRECISION_RECALL_K, DENSITY_COVERAGE_K),
            fake_balls=(PRECISION_RECALL_K,),
            nearest=True,
            kernels=(self.kernel,),
        )
        precision, recall = pairs.precision_recall(PRECISION_RECALL_K)
        density, coverage = pairs.density_coverage(DENSITY_COVERAGE_K)
        values: dict[str, Tensor | int] = {
            "fid": frechet_distance(real.side, fake.features),
            "mmd": pairs.maximum_mean_discrepancy(self.kernel),
            "precision": precision,
            "recall": recall,
            "density": density,
            "coverage": coverage,
            "two_sample_accuracy": pairs.two_sample_accuracy().pooled,
        }
        if fake.logits is not None:
            values |= {"is": inception_score(fake.logits)[0], "classes": classes_found(fake.logits)}
        return {name + self.features.metric_suffix: float(value) for name, value in values.items()}

    def _intervals(self, values: dict[str, float], real: "_Real", fake: Features) -> dict[str, tuple[float, float]]:
        """Value +- 1.96 standard deviations over random halves of the samples.

        A half drawn without replacement varies around the whole as the whole varies around the truth (variance
        s^2 / n in both cases; Politis et al. 1999, section 2.2). A bootstrap would draw duplicates, and every
        neighbor-based figure takes those for copies.
        """
        if self.resamples == 0:
            return {}
        generator, count = torch.Generator().manual_seed(0), len(fake.features)
        found: dict[str, list[float]] = {name: [] for name in values}
        for _ in range(self.resamples):
            half = torch.randperm(count, generator=generator)[: count // 2]
            part = Features(fake.features[half], None if fake.logits is None else fake.logits[half])
            for name, value in self._measure(real, part).items():
                found[name].append(value)
        spread = {name: 1.96 * float(torch.tensor(rows, dtype=torch.float64).std()) for name, rows in found.items()}
        return {name: (value - spread[name], value + spread[name]) for name, value in values.items()}

    def _extra_values(self, fake: Source, real: Source) -> dict[str, float]:
        """Figures of the metrics that were added; each process feeds its share, and torchmetrics joins them."""
        sides = [(fake, False), (real, True)]
        for metric in self.extra.values():
            metric.reset()
            for source, is_real in sides[: 1 + _takes_real(metric)]:
                for first, last in _spans(*_share(len(source)), self.batch_size):
                    images = source.images(first, last).to(metric.device)
                    metric.update(images, **({"real": is_real} if _takes_real(metric) else {}))
        found = {name: metric.compute() for name, metric in self.extra.items()}
        return {name: float(value[0] if isinstance(value, tuple) else value) for name, value in found.items()}

    def _real_side(self, real: Source) -> "_Real":
        """From memory, from disk, or from the images, in this order; all processes go the same way."""
        key = self._key(real.protocol())
        if key not in self._known:
            stored = self._load(key) if _rank() == 0 else None
            found = [stored is not None]
            if _world_size() > 1:
                dist.broadcast_object_list(found, src=0)
            if stored is None and not found[0]:
                extracted = self._gathered(real)
                stored = _Real(key, RealSide(extracted.features, name="real"), extracted.logits)
                self._store(stored)
            if stored is None:  # another process than the first, which alone computes
                stored = _Real(key, None, None)
            self._known[key] = stored
        return self._known[key]

    def _key(self, facts: dict[str, Any]) -> str:
        names = [
            SCHEMA,
            repr(self.kernel),
            self.features.name,
            self.features.fingerprint,
            facts,
            torch.__version__.split(".")[:2],
        ]
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()

    def _load(self, key: str) -> "_Real | None":
        if self.cache is None or not (path := self.cache / f"{key}.pt").is_file():
            return None
        try:
            return _Real.from_dict(key, torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # whatever is wrong with it, the images are still there
            warnings.warn(f"{path} is damaged ({type(error).__name__}); computing it again", stacklevel=2)
            return None

    def _store(self, real: "_Real") -> None:
        """Keep the real side on disk: written by the first process, and renamed into place when complete."""
        if self.cache is None or _rank() != 0:
            return
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            part = self.cache / f"{real.key}.{os.getpid()}.part"
            try:
                torch.save(real.to_dict(), part)
                part.replace(self.cache / f"{real.key}.pt")
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(f"{self.cache} cannot be written ({error}); the real side is not kept", stacklevel=2)

    def _gathered(self, source: Source) -> Features:
        """Features of all images in order, each process having extracted a contiguous share."""
        count = len(source)
        begin, end = _share(count)
        parts = []
        for first, last in _spans(begin, end, self.batch_size):
            parts.append(self.features(source.images(first, last)))
            self.on_batch(last - begin, end - begin)
        if not parts:  # an empty share still has to know the width of a row
            one = self.features(source.images(0, 1))
            parts = [Features(one.features[:0], None if one.logits is None else one.logits[:0])]
        features = _gather(torch.cat([part.features for part in parts]), count)
        logits = [part.logits for part in parts if part.logits is not None]
        return Features(features, _gather(torch.cat(logits), count) if logits else None)


class _Real:
    """What depends on the real images alone: their features' side, their logits, the floors by number of fakes."""

    def __init__(self, key: str, side: RealSide | None, logits: Tensor | None) -> None:
        self.key, self.logits = key, logits
        self._side = side
        self.floors: dict[int, dict[str, float]] = {}

    @property
    def side(self) -> RealSide:
        """The real side; the first process has it."""
        assert self._side is not None
        return self._side

    def drawn(self, count: int) -> Features:
        """As many real images as there are fakes, drawn with replacement: a perfect generator of this data set.

        Two disjoint parts of it would be smaller than the sides that are compared, and overstate the floor.
        """
        chosen = torch.randint(len(self.side), (count,), generator=torch.Generator().manual_seed(0))
        return Features(self.side.features[chosen], None if self.logits is None else self.logits[chosen])

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers."""
        return {"side": self.side.to_dict(), "logits": self.logits, "floors": self.floors}

    @classmethod
    def from_dict(cls, key: str, content: dict[str, Any]) -> "_Real":
        """What :meth:`to_dict` wrote."""
        real = cls(key, RealSide.from_dict(content["side"]), content["logits"])
        real.floors = content["floors"]
        return real


def classes_found(logits: Tensor, share: float = 0.2) -> int:
    """How many classes hold at least a fifth of the samples that an even spread would give them.

    Args:
        logits: (N, K).
        share: The part of the even spread, N / K, that counts as found.

    Example:
        >>> classes_found(torch.eye(3).repeat(4, 1)[:11])
        3
        >>> classes_found(torch.eye(3)[[0] * 50 + [1]])
        1
    """
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1])
    return int((counts >= share * len(logits) / logits.shape[1]).sum())


def default_cache() -> Path:
    """Where real sides are kept."""
    return Path(os.environ.get("LIGHTNING_GANS_CACHE") or Path.home() / ".cache" / "lightning_gans")


def _spans(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(begin, end, size):
        yield first, min(first + size, end)


def _share(count: int) -> tuple[int, int]:
    """The contiguous share of this process: first and one past the last; the last shares may be short or empty."""
    size = -(-count // _world_size())
    begin = min(_rank() * size, count)
    return begin, min(begin + size, count)


def _takes_real(metric: Metric) -> bool:
    return "real" in inspect.signature(metric.update).parameters


def _gather(rows: Tensor, count: int) -> Tensor:
    """Rows of all processes in order, on the CPU."""
    if _world_size() == 1:
        return rows.cpu()
    share = -(-count // _world_size())
    padded = rows.new_zeros(share, *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(_world_size())]
    dist.all_gather(parts, padded)
    return torch.cat(parts)[:count].cpu()


def _world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
