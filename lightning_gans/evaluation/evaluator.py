"""Images x features x metrics -> report: one pass over the images, the real ones' statistics computed once.

Images are taken by index, so any number of processes measures the same ones: each extracts a contiguous slice, the
features are gathered in order, the first process computes, all receive the report.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.cache import default_cache, keep
from lightning_gans.engine.processes import gather_slices, on_rank_zero, rank, rank_slice
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.extra_metrics import ExtraMetrics, batches
from lightning_gans.evaluation.features import FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.metrics.functional import (
    PairwisePass,
    ReferenceStatistics,
    class_accuracy,
    class_entropies,
    classifier_two_sample_test,
    frechet_distance,
    inception_score,
    mmd_permutation_test,
    num_classes_covered,
    one_nn_permutation_test,
    variance_ratio,
)
from lightning_gans.evaluation.metrics.functional.mmd import KID_KERNEL
from lightning_gans.evaluation.metrics.functional.statistics import as_generated
from lightning_gans.evaluation.report import HIGHER_IS_BETTER, Report, differences
from lightning_gans.objectives.kernels import Kernel

__all__ = ["HIGHER_IS_BETTER", "SUBSET_SIZE", "Evaluator", "Report", "default_cache", "differences"]

SCHEMA = 2  # raised whenever the meaning of a figure changes
CACHE_SCHEMA = 7  # raised whenever the meaning of what is kept of real images changes
PRECISION_RECALL_K, DENSITY_COVERAGE_K = 3, 5  # the papers' choices
SUBSET_SIZE = (
    10_000  # of Dhariwal and Nichol 2021, arXiv:2105.05233: their reference batches, with moments of all images
)
SUBSET_SEED = 0
PERMUTATIONS = 500  # so that no p-value is below 1/501
MIN_REAL, _MIN_FAKE = 20, 10  # ten for the splits of the Inception Score, on each half of the real images too
_NUM_SPLITS, _MANY = 3, 10_000  # several ways of halving a small set; one does for many images
_WITHOUT_INTERVAL = ("coverage", "one_nn_accuracy")  # they depend on how dense the samples lie, which halves change


@dataclass
class Reference:
    """Real images as features, with what follows from them."""

    statistics: ReferenceStatistics
    logits: Tensor | None = None  # (N, K); None where the extractor knows no classes
    subset: ReferenceStatistics | None = None  # None where pairs are formed with all images
    split_scores: dict[int, dict[str, float]] = field(default_factory=dict)  # some of the images against so many others

    @property
    def pairwise(self) -> ReferenceStatistics:
        """Those of the images that pairs are formed with."""
        return self.statistics if self.subset is None else self.subset


def _load(folder: Path | None, key: str) -> Reference | None:
    """What the folder keeps under a key; None where there is nothing, or it cannot be read. The first process reads."""
    if folder is None or rank() != 0 or not (path := folder / f"{key}.pt").is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        stored = {name: found[name] for name in ("statistics", "subset") if found[name] is not None}
        return Reference(**found | {name: ReferenceStatistics.from_dict(part) for name, part in stored.items()})
    except Exception as error:  # whatever is wrong with it, the images are still there
        warnings.warn(f"{path} is damaged ({type(error).__name__}); computing it again", stacklevel=2)
        return None


def _store(folder: Path | None, key: str, reference: Reference) -> None:
    """Write a file, which is renamed into place when it is complete. The first process writes."""
    if folder is None or rank() != 0:
        return
    parts = vars(reference).items()
    content = {name: part.to_dict() if isinstance(part, ReferenceStatistics) else part for name, part in parts}
    try:
        keep(folder / f"{key}.pt", lambda part: torch.save(content, part))
    except OSError as error:
        warnings.warn(f"{folder} cannot be written ({error}); the statistics are not kept", stacklevel=2)


@dataclass
class Evaluator:
    """Measures fake images against real ones, in the features of one extractor.

    Args:
        features: The extractor.
        batch_size: Images per call of the extractor.
        cache: Folder for what depends on the real images alone, see ``default_cache``; None keeps nothing on disk.
        mmd_kernel: Of MMD: KID's by default, and the figure is then called ``kid``; ``GaussianKernel(10.0)`` with
            CLIP's features gives CMMD (times 1,000).
        num_half_samples: Number of half-samples for 95% intervals; 0 for none.
        extra_metrics: Further torchmetrics metrics by name; ``ExtraMetrics`` says what they are fed with.
        progress: Called after each batch with the number of images done and their total.
        subset_size: Real images that figures of quadratic cost (neighbors, MMD) are measured against, drawn by a fixed
            seed where there are more; None for all. FID is always measured against all.
        p_values: Whether two-sample tests are made of the same images as the figures of quadratic cost.

    Raises:
        ConfigError: ``batch_size`` is not positive, ``num_half_samples`` is 1 or negative, or ``subset_size`` below 20.
    """

    features: FeatureExtractor
    batch_size: int = 256
    cache: Path | None = field(default_factory=default_cache)
    mmd_kernel: Kernel = KID_KERNEL
    num_half_samples: int = 0
    extra_metrics: Mapping[str, Metric] = field(default_factory=dict)
    progress: Callable[[int, int], None] = lambda done, total: None
    subset_size: int | None = SUBSET_SIZE
    p_values: bool = False
    _references: dict[str, Reference | None] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError("batch_size", self.batch_size, "must be positive")
        if self.num_half_samples < 0 or self.num_half_samples == 1:
            raise ConfigError("num_half_samples", self.num_half_samples, "a spread needs 2 or more; 0 for none")
        if self.subset_size is not None and self.subset_size < MIN_REAL:
            raise ConfigError("subset_size", self.subset_size, f"must be {MIN_REAL} or more")
        self._extra = ExtraMetrics(self.extra_metrics, self.batch_size)

    @property
    def mmd_name(self) -> str:
        """What the MMD is called: ``kid`` with KID's kernel, as in papers."""
        return "kid" if self.mmd_kernel == KID_KERNEL else "mmd"

    def higher_is_better_by_name(self) -> dict[str, bool | None]:
        """All figures that a report may hold, and whether higher values of each are better; None where neither way."""
        other = {"kid", "mmd"} - {self.mmd_name}
        names = HIGHER_IS_BETTER | (dict.fromkeys(self._test_names()) if self.p_values else {})
        found = {self._named(name): higher for name, higher in names.items() if name not in other}
        for name, metric in self.extra_metrics.items():  # of several figures, or of one
            found |= getattr(metric, "higher_is_better_by_name", {name: metric.higher_is_better})
        return found

    def evaluate(self, fake: ImageSource, real: ImageSource) -> Report:
        """Measure fake images against the real ones that they should resemble. Every process must call it.

        Raises:
            ConfigError: The images do not suit the extractor, or there are too few of them.
        """
        parts = 2 if self.num_half_samples else 1
        for name, source, least in (("real", real, MIN_REAL), ("fake", fake, _MIN_FAKE * parts)):
            if len(source) < least:
                raise ConfigError(name, f"{len(source)} images", f"at least {least} are needed for these figures")
        sources = {"real": real.provenance(), "fake": fake.provenance()}
        key = self._key(sources["real"], len(real))
        reference = self._reference(key, real)
        extracted = self.extract(fake)
        report = on_rank_zero(lambda: self._report(key, reference, extracted, sources))
        further = self._class_accuracies(extracted, fake, real) | self._extra.compute(fake, real)
        return replace(report, values=report.values | further)

    def extract(self, source: ImageSource) -> FeatureBatch:
        """Features of all images in order, each process having extracted a contiguous slice: every one must call it."""
        count = len(source)
        begin, end = rank_slice(count)
        parts = []
        for first, last in batches(begin, end, self.batch_size):
            parts.append(self.features(source.images(first, last)))
            self.progress(last - begin, end - begin)
        if not parts:  # an empty slice still has to know the width of a row
            parts = [self.features(source.images(0, 1)).rows(slice(0))]
        features = gather_slices(torch.cat([part.features for part in parts]), count)
        logits = [part.logits for part in parts if part.logits is not None]
        return FeatureBatch(features, gather_slices(torch.cat(logits), count) if logits else None)

    def real_features(self, real: ImageSource) -> Tensor:
        """Features (N, D) of real images, which are kept as those that images are measured against. In one process."""
        reference = self._reference(self._key(real.provenance(), len(real)), real)
        assert reference is not None
        return reference.statistics.features

    def _named(self, name: str) -> str:
        return name + self.features.metric_suffix

    def _key(self, real: dict[str, Any], count: int) -> str:
        """Under which what follows from so many real images, of that provenance, is kept."""
        features = [self.features.name, self.features.fingerprint]
        names = [CACHE_SCHEMA, self.mmd_kernel.key, *features, real, torch.__version__.split(".")[:2]]
        names += [self._subset(count)]
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()

    def _reference(self, key: str, real: ImageSource) -> Reference | None:
        """From memory, from disk, or from the images; the first process always has it, the others may not."""
        if key not in self._references:
            found = _load(self.cache, key)
            if not on_rank_zero(lambda: found is not None):
                extracted = self.extract(real)
                found = Reference(ReferenceStatistics(extracted.features), extracted.logits)
                if (subset := self._subset(len(real))) is not None:
                    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(SUBSET_SEED))
                    found.subset = ReferenceStatistics(extracted.features[order[: subset["size"]]])
                _store(self.cache, key, found)
            self._references[key] = found
        return self._references[key]

    def _subset(self, num_real: int) -> dict[str, int] | None:
        """Which of the real images pairs are formed with; None for all."""
        if self.subset_size is None or self.subset_size >= num_real:
            return None
        return {"size": self.subset_size, "seed": SUBSET_SEED}

    def _split_sizes(self, reference: Reference, num_fake: int) -> tuple[int, int]:
        """How many real images are measured against how many others: halves; of a subset, as many as are compared."""
        half = len(reference.statistics) // 2
        return (half, half) if reference.subset is None else (min(len(reference.subset), half), min(num_fake, half))

    def _split_scores(self, reference: Reference, sizes: tuple[int, int]) -> dict[str, float]:
        """The figures of some of the real images against others, a mean over a few ways of choosing them."""
        real = FeatureBatch(reference.statistics.features, reference.logits)
        generator, count = torch.Generator().manual_seed(SUBSET_SEED), len(real.features)
        found: list[dict[str, float]] = []
        for _ in range(_NUM_SPLITS if count < _MANY else 1):
            one, other, *_ = torch.randperm(count, generator=generator).split([*sizes, count - sum(sizes)])
            found.append(self._measure(Reference(ReferenceStatistics(real.features[one])), real.rows(other)))
        return {name: sum(scores[name] for scores in found) / len(found) for name in found[0]}

    def _real_vs_real(self, reference: Reference, sizes: tuple[int, int], num_fake: int) -> dict[str, float]:
        """What a perfect generator would score.

        FID's expectation for equal distributions is proportional to 1 / N + 1 / M to first order (Chong and Forsyth
        2020, arXiv:1911.07023), so that of a split is scaled to the counts compared. The unbiased MMD^2 is
        0 and the 1-NN accuracy one half by definition; the other figures are those of the split.
        """
        scores = dict(reference.split_scores[sizes[1]])
        scores[self._named("fid")] *= (1 / len(reference.statistics) + 1 / num_fake) / (1 / sizes[0] + 1 / sizes[1])
        return scores | {self._named(self.mmd_name): 0.0, self._named("one_nn_accuracy"): 0.5}

    def _report(self, key: str, reference: Reference | None, fake: FeatureBatch, sources: dict[str, Any]) -> Report:
        assert reference is not None  # the first process has it
        values = self._measure(reference, fake)
        sizes = self._split_sizes(reference, len(fake.features))
        if sizes[1] not in reference.split_scores:
            reference.split_scores[sizes[1]] = self._split_scores(reference, sizes)
            _store(self.cache, key, reference)
        real_vs_real = self._real_vs_real(reference, sizes, len(fake.features))
        intervals = self._intervals(values, reference, fake)
        if self.p_values:
            values |= self._two_sample_tests(reference, fake)
            real_vs_real[self._named("c2st_accuracy")] = 0.5  # of p-values there is none: each is as likely as another
        reference.pairwise.free()  # the working copy of the features; what follows from them stays
        subset = self._subset(len(reference.statistics))
        halves, parts = "disjoint halves of the real images", "{} real images against {} others".format(*sizes)
        made = {
            "features": self.features.name,
            "features_sha256": self.features.fingerprint,
            "preprocessing": self.features.preprocessing,
            "k": {"precision_recall": PRECISION_RECALL_K, "density_coverage": DENSITY_COVERAGE_K},
            "mmd": f"unbiased MMD^2 over all samples, {self.mmd_kernel!r}",
            "real_vs_real": f"{parts if subset else halves}; FID scaled to the counts compared",
            "version": version("lightning-gans"),
            "schema": SCHEMA,
        }
        if self.p_values:
            made["p_values"] = f"{PERMUTATIONS} permutations; a classifier's accuracy on one half of the images; seed 0"
        return Report(values, real_vs_real, made | ({"subset": subset} if subset else {}) | sources, intervals)

    def _measure(self, real: Reference, fake: FeatureBatch) -> dict[str, float]:
        """All figures, from one pass over the pairs."""
        pairs = PairwisePass(
            real.pairwise,
            fake.features,
            real_balls=(PRECISION_RECALL_K, DENSITY_COVERAGE_K),
            fake_balls=(PRECISION_RECALL_K,),
            nearest=True,
            kernels=(self.mmd_kernel,),
        )
        generated = as_generated(fake.features, real.statistics)
        values: dict[str, Tensor | int] = {
            "fid": frechet_distance(real.statistics, generated),
            self.mmd_name: pairs.maximum_mean_discrepancy(self.mmd_kernel),
            **pairs.precision_recall(PRECISION_RECALL_K)._asdict(),
            **pairs.density_coverage(DENSITY_COVERAGE_K)._asdict(),
            "one_nn_accuracy": pairs.one_nn_accuracy().pooled,
            "variance_ratio": variance_ratio(real.statistics, generated),
        }
        if fake.logits is not None:
            values["is"] = inception_score(fake.logits).mean
            entropies = class_entropies(fake.logits)
            values |= {"marginal_entropy": entropies.marginal, "conditional_entropy": entropies.conditional}
            values["num_classes_covered"] = num_classes_covered(fake.logits)
        return {self._named(name): float(value) for name, value in values.items()}

    def _two_sample_tests(self, real: Reference, fake: FeatureBatch) -> dict[str, float]:
        """The accuracy of a trained classifier, and the p-values of all tests of equal distributions."""
        trained = classifier_two_sample_test(real.pairwise, fake.features)
        mmd = mmd_permutation_test(real.pairwise, fake.features, self.mmd_kernel, PERMUTATIONS)
        nearest = one_nn_permutation_test(real.pairwise, fake.features, PERMUTATIONS)
        values = (trained.accuracy, trained.p_value, mmd.p_value, nearest.p_value)
        return {self._named(name): float(value) for name, value in zip(self._test_names(), values, strict=True)}

    def _test_names(self) -> tuple[str, ...]:
        return "c2st_accuracy", "p_value_c2st", f"p_value_{self.mmd_name}", "p_value_one_nn"

    def _intervals(
        self, values: dict[str, float], real: Reference, fake: FeatureBatch
    ) -> dict[str, tuple[float, float]]:
        """Value +- 1.96 standard deviations over random halves of the samples, the real images given.

        A half drawn without replacement varies around the whole as the whole varies around the truth (variance
        s^2 / n in both cases; Politis et al. 1999, section 2.2). A bootstrap would draw duplicates, and every
        neighbor-based figure takes those for copies.
        """
        if self.num_half_samples == 0:
            return {}
        generator, count = torch.Generator().manual_seed(0), len(fake.features)
        found: dict[str, list[float]] = {name: [] for name in values}
        for _ in range(self.num_half_samples):
            half = torch.randperm(count, generator=generator)[: count // 2]
            for name, value in self._measure(real, fake.rows(half)).items():
                found[name].append(value)
        for name in _WITHOUT_INTERVAL:
            found.pop(self._named(name))
        widths = {name: 1.96 * float(torch.tensor(rows, dtype=torch.float64).std()) for name, rows in found.items()}
        return {name: (values[name] - width, values[name] + width) for name, width in widths.items()}

    def _class_accuracies(self, extracted: FeatureBatch, fake: ImageSource, real: ImageSource) -> dict[str, float]:
        """How often the extractor's classifier sees the class that was asked for, and that of the image rebuilt."""
        found: dict[str, float] = {}
        if extracted.logits is None:
            return found
        classes = extracted.logits.shape[1]
        asked = fake.condition(0, len(fake)).label if fake.num_classes == classes else None
        if asked is not None:
            found[self._named("class_accuracy")] = class_accuracy(extracted.logits, asked)
        rebuilt = fake.reconstructions(real)
        true = None if rebuilt is None else self._labels(rebuilt)
        if rebuilt is not None and true is not None and int(true.max()) + 1 == classes:
            logits = self.extract(rebuilt).logits
            assert logits is not None
            found[self._named("reconstruction_accuracy")] = class_accuracy(logits, true)
        return found

    def _labels(self, source: ImageSource) -> Tensor | None:
        """Labels (N,) of all images in order, each process having read a contiguous slice, or None."""
        if source.condition(0, 1).label is None:
            return None
        spans = batches(*rank_slice(len(source)), self.batch_size)  # not at once: a data set may read images with them
        read = [source.condition(first, last).label for first, last in spans]
        parts = [torch.empty(0, dtype=torch.int64), *(labels.cpu() for labels in read if labels is not None)]
        return gather_slices(torch.cat(parts), len(source))
