"""Metrics of generative models: pure functions in ``functional``, and the torchmetrics classes that keep state."""

from lightning_gans.evaluation.metrics.features import (
    DensityCoverage,
    FrechetDistance,
    InceptionScore,
    MaximumMeanDiscrepancy,
    ModeCoverage,
    OneNNAccuracy,
    PrecisionRecall,
)
from lightning_gans.evaluation.metrics.images import (
    ClassAgreement,
    ClassCoverage,
    FillFrechet,
    HueEntropy,
    HueTotalVariation,
    MeanPSNR,
    PairAgreement,
    SlicedWasserstein,
    hue_metrics,
    paired_metrics,
)
from lightning_gans.evaluation.metrics.path_length import PerceptualPathLength
from lightning_gans.evaluation.metrics.principal import ResidualEnergy
from lightning_gans.evaluation.metrics.restoration import HoleQuality, RestorationQuality
from lightning_gans.evaluation.metrics.text import AttributeAccuracy, DominantHue, RPrecision

__all__ = [
    "AttributeAccuracy",
    "ClassAgreement",
    "ClassCoverage",
    "DensityCoverage",
    "DominantHue",
    "FillFrechet",
    "FrechetDistance",
    "HoleQuality",
    "HueEntropy",
    "HueTotalVariation",
    "InceptionScore",
    "MaximumMeanDiscrepancy",
    "MeanPSNR",
    "ModeCoverage",
    "OneNNAccuracy",
    "PairAgreement",
    "PerceptualPathLength",
    "PrecisionRecall",
    "RPrecision",
    "ResidualEnergy",
    "RestorationQuality",
    "SlicedWasserstein",
    "hue_metrics",
    "paired_metrics",
]
