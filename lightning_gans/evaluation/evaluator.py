"""Source x extractor x metrics -> report: one pass over the images, the real side computed once and kept on disk.

Images are taken by index, so any number of processes scores the same ones: each extracts a contiguous share, the
features are gathered in order, the first process computes, all receive the report.
"""

import hashlib
import inspect
import json
import os
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import Extractor, Features
from lightning_gans.objectives.kernels import Kernel, PolynomialKernel
from lightning_gans.evaluation.metrics.functional import Comparison, RealSide, frechet_distance, inception_score
from lightning_gans.engine.processes import first_process, gather_shares, rank, share_of
from lightning_gans.evaluation.report import HIGHER_IS_BETTER, Report, differences
from lightning_gans.evaluation.sources import Source

__all__ = ["HIGHER_IS_BETTER", "Evaluator", "Report", "classes_found", "default_cache", "differences"]

SCHEMA = 2  # raised whenever the meaning of a cached real side or of a report changes
PRECISION_RECALL_K, DENSITY_COVERAGE_K = 3, 5  # the papers' choices
_LEAST_REAL, _LEAST_FAKE = 20, 10  # ten for the splits of the Inception Score, on each half of the real images too
_HALVINGS, _MANY = 3, 10_000  # several ways of halving a small set; one does for many images


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
            take that argument, and with the fake ones alone where they do not; ``update(source=...)`` gets what makes
            them, and samples as it likes. One whose result is a dict names its figures itself.
        on_batch: Called after each batch with the number of images done and their total, for a progress bar.

    Raises:
        ConfigError: ``batch_size`` is not positive, or ``resamples`` is 1 or negative.
    """

    features: Extractor
    batch_size: int = 256
    cache: Path | None = field(default_factory=lambda: default_cache())
    kernel: Kernel = field(default_factory=PolynomialKernel)
    resamples: int = 0
    extra: Mapping[str, Metric] = field(default_factory=dict)
    on_batch: Callable[[int, int], None] = lambda done, total: None
    _known: dict[str, "_Real"] = field(default_factory=dict, init=False, repr=False)
    _fed: set[str] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError("batch_size", self.batch_size, "must be positive")
        if self.resamples < 0 or self.resamples == 1:
            raise ConfigError("resamples", self.resamples, "a spread needs 2 or more half-samples; 0 for none")

    def evaluate(self, fake: Source, real: Source) -> Report:
        """Extract, compare. Collective: every process must call it; all get the same report.

        Args:
            fake: The images to be judged.
            real: The images that they should resemble.

        Raises:
            ConfigError: The images do not suit the extractor, or there are too few of them.
        """
        self._require_enough(fake, real)
        side = self._real_side(real)
        extracted = self._gathered(fake)
        report = first_process(lambda: self._report(side, extracted, real.protocol(), fake.protocol()))
        further = self._class_accuracies(extracted, fake, real) | self._extra_values(fake, real)
        return replace(report, values=report.values | further) if further else report

    def _class_accuracies(self, extracted: Features, fake: Source, real: Source) -> dict[str, float]:
        """How often the extractor's classifier sees the class that was asked for, and that of the image rebuilt."""
        found: dict[str, float] = {}
        if extracted.logits is None:
            return found
        classes = extracted.logits.shape[1]
        if (asked := fake.labels(0, len(fake))) is not None and fake.num_classes == classes:
            found["class_accuracy"] = class_accuracy(extracted.logits, asked)
        if (rebuilt := fake.reconstructed(real)) is not None:
            true = self._labels(rebuilt)
            if true is not None and int(true.max()) + 1 == classes:
                logits = self._gathered(rebuilt).logits
                assert logits is not None
                found["reconstruction_accuracy"] = class_accuracy(logits, true)
        return {name + self.features.metric_suffix: value for name, value in found.items()}

    def _report(self, real: "_Real", fake: Features, real_facts: dict[str, Any], fake_facts: dict[str, Any]) -> Report:
        if real.halves is None:
            real.halves = self._halves(real)
            self._store(real)
        protocol = {
            "features": self.features.name,
            "features_sha256": self.features.fingerprint,
            "preprocessing": self.features.preprocessing,
            "real": real_facts,
            "fake": fake_facts,
            "k": {"precision_recall": PRECISION_RECALL_K, "density_coverage": DENSITY_COVERAGE_K},
            "mmd": f"unbiased MMD^2 over all samples, {self.kernel!r}",
            "floor": "disjoint halves of the real images; FID scaled to the counts compared",
            "version": version("lightning-gans"),
            "schema": SCHEMA,
        }
        values = self._measure(real.side, fake)
        report = Report(values, self._floors(real, len(fake.features)), protocol, self._intervals(values, real, fake))
        real.side.release()  # the working copy of the features; what follows from them stays
        return report

    def _require_enough(self, fake: Source, real: Source) -> None:
        """Refuse too few images before any work is done."""
        parts = 2 if self.resamples else 1
        for name, source, least in (("real", real, _LEAST_REAL), ("fake", fake, _LEAST_FAKE * parts)):
            if len(source) < least:
                raise ConfigError(name, f"{len(source)} images", f"at least {least} are needed for these figures")

    def _halves(self, real: "_Real") -> dict[str, float]:
        """The figures of one half of the real images against the other, a mean over a few ways of halving them."""
        count = len(real.side)
        generator, half = torch.Generator().manual_seed(0), count // 2
        found: list[dict[str, float]] = []
        for _ in range(_HALVINGS if count < _MANY else 1):
            order = torch.randperm(count, generator=generator)
            one, other = (real.part(rows) for rows in (order[:half], order[half : 2 * half]))
            found.append(self._measure(RealSide(one.features, name="real"), other))
        return {name: sum(values[name] for values in found) / len(found) for name in found[0]}

    def _floors(self, real: "_Real", count: int) -> dict[str, float]:
        """What a perfect generator would score with ``count`` samples.

        FID's expectation for equal distributions is proportional to 1 / N + 1 / M to first order (Chong and Forsyth
        2020, arXiv:1911.07023), so that of two halves (4 / N) is scaled to the counts compared. The unbiased MMD^2 is
        0 and the two-sample accuracy one half by definition; the other figures are those of the halves.
        """
        assert real.halves is not None
        suffix, total = self.features.metric_suffix, len(real.side)
        floors = dict(real.halves)
        floors[f"fid{suffix}"] *= (1 / total + 1 / count) / (2 / (total // 2))
        floors |= {f"mmd{suffix}": 0.0, f"two_sample_accuracy{suffix}": 0.5}
        return floors

    def _measure(self, real: RealSide, fake: Features) -> dict[str, float]:
        """All figures, from one pass over the pairs."""
        pairs = Comparison(
            real,
            fake.features,
            real_balls=(PRECISION_RECALL_K, DENSITY_COVERAGE_K),
            fake_balls=(PRECISION_RECALL_K,),
            nearest=True,
            kernels=(self.kernel,),
        )
        precision, recall = pairs.precision_recall(PRECISION_RECALL_K)
        density, coverage = pairs.density_coverage(DENSITY_COVERAGE_K)
        values: dict[str, Tensor | int] = {
            "fid": frechet_distance(real, fake.features),
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
        """Value +- 1.96 standard deviations over random halves of the samples, the real images given.

        A half drawn without replacement varies around the whole as the whole varies around the truth (variance
        s^2 / n in both cases; Politis et al. 1999, section 2.2). A bootstrap would draw duplicates, and every
        neighbor-based figure takes those for copies. Coverage and the 1-NN test depend on how dense the samples lie,
        which halves change: no interval is given for them.
        """
        if self.resamples == 0:
            return {}
        generator, count = torch.Generator().manual_seed(0), len(fake.features)
        found: dict[str, list[float]] = {name: [] for name in values}
        for _ in range(self.resamples):
            half = torch.randperm(count, generator=generator)[: count // 2]
            part = Features(fake.features[half], None if fake.logits is None else fake.logits[half])
            for name, value in self._measure(real.side, part).items():
                found[name].append(value)
        for name in ("coverage", "two_sample_accuracy"):
            found.pop(name + self.features.metric_suffix)
        spread = {name: 1.96 * float(torch.tensor(rows, dtype=torch.float64).std()) for name, rows in found.items()}
        return {name: (values[name] - width, values[name] + width) for name, width in spread.items()}

    def _extra_values(self, fake: Source, real: Source) -> dict[str, float]:
        """Figures of the metrics that were added; each process feeds its share, and torchmetrics joins them."""
        values: dict[str, float] = {}
        for name, metric in self.extra.items():
            metric.reset()
            if _takes(metric, "source"):
                metric.update(source=fake)
            elif _takes(metric, "real"):
                if name not in self._fed:
                    self._feed(metric, real, {"real": True})
                self._feed(metric, fake, {"real": False})
            else:
                self._feed(metric, fake, {})
            if getattr(metric, "reset_real_features", True) is False:
                self._fed.add(name)  # it keeps the real images
            found = metric.compute()
            if isinstance(found, dict):
                values |= {part: float(value) for part, value in found.items()}
            else:
                values[name] = float(found[0] if isinstance(found, tuple) else found)
        return values

    def _feed(self, metric: Metric, source: Source, side: dict[str, bool]) -> None:
        for first, last in _spans(*share_of(len(source)), self.batch_size):
            metric.update(source.images(first, last).to(metric.device), **side)

    def _real_side(self, real: Source) -> "_Real":
        """From memory, from disk, or from the images, in this order; all processes go the same way."""
        key = self._key(real.protocol())
        if key not in self._known:
            stored = self._load(key) if rank() == 0 else None
            found = first_process(lambda: stored is not None)
            if stored is None and not found:
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
            self.kernel.key,
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
        if self.cache is None or rank() != 0:
            return
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            part = self.cache / f"{real.key}.{uuid.uuid4().hex}.part"
            try:
                torch.save(real.to_dict(), part)
                part.replace(self.cache / f"{real.key}.pt")
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(f"{self.cache} cannot be written ({error}); the real side is not kept", stacklevel=2)

    def _labels(self, source: Source) -> Tensor | None:
        """Labels of all images in order, (N,), each process having read a contiguous share; None where they have none.

        Where a data set keeps them with its images, asking for all at once would hold all images in memory.
        """
        if source.labels(0, 1) is None:
            return None
        read = [source.labels(first, last) for first, last in _spans(*share_of(len(source)), self.batch_size)]
        parts = [torch.empty(0, dtype=torch.int64), *(labels.cpu() for labels in read if labels is not None)]
        return gather_shares(torch.cat(parts), len(source))

    def _gathered(self, source: Source) -> Features:
        """Features of all images in order, each process having extracted a contiguous share."""
        count = len(source)
        begin, end = share_of(count)
        parts = []
        for first, last in _spans(begin, end, self.batch_size):
            parts.append(self.features(source.images(first, last)))
            self.on_batch(last - begin, end - begin)
        if not parts:  # an empty share still has to know the width of a row
            one = self.features(source.images(0, 1))
            parts = [Features(one.features[:0], None if one.logits is None else one.logits[:0])]
        features = gather_shares(torch.cat([part.features for part in parts]), count)
        logits = [part.logits for part in parts if part.logits is not None]
        return Features(features, gather_shares(torch.cat(logits), count) if logits else None)


class _Real:
    """What depends on the real images alone: their features' side, their logits, the figures of their halves."""

    def __init__(self, key: str, side: RealSide | None, logits: Tensor | None) -> None:
        self.key, self.logits = key, logits
        self._side = side
        self.halves: dict[str, float] | None = None

    @property
    def side(self) -> RealSide:
        """The real side; the first process has it."""
        assert self._side is not None
        return self._side

    def part(self, rows: Tensor) -> Features:
        """Features and logits of some of the images."""
        return Features(self.side.features[rows], None if self.logits is None else self.logits[rows])

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers."""
        return {"side": self.side.to_dict(), "logits": self.logits, "halves": self.halves}

    @classmethod
    def from_dict(cls, key: str, content: dict[str, Any]) -> "_Real":
        """What ``to_dict`` wrote."""
        real = cls(key, RealSide.from_dict(content["side"]), content["logits"])
        real.halves = content["halves"]
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


def class_accuracy(logits: Tensor, labels: Tensor) -> float:
    """How often a classifier's first choice is the label: 1 is always.

    Args:
        logits: (N, K).
        labels: (N,), 0 to K - 1.

    Example:
        >>> class_accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == 2 / 3
        True
    """
    return float((logits.argmax(1).cpu() == labels.cpu()).double().mean())


def default_cache() -> Path:
    """Where real sides are kept."""
    return Path(os.environ.get("LIGHTNING_GANS_CACHE") or Path.home() / ".cache" / "lightning_gans")


def _spans(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(begin, end, size):
        yield first, min(first + size, end)


def _takes(metric: Metric, name: str) -> bool:
    return name in inspect.signature(metric.update).parameters
