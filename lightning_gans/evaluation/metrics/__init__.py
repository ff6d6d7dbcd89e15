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
    ClassCoverage,
    HueEntropy,
    HueTotalVariation,
    MeanPSNR,
    PairAgreement,
    hue_metrics,
    paired_metrics,
)

__all__ = [
    "ClassCoverage",
    "DensityCoverage",
    "FrechetDistance",
    "HueEntropy",
    "HueTotalVariation",
    "InceptionScore",
    "MaximumMeanDiscrepancy",
    "MeanPSNR",
    "ModeCoverage",
    "OneNNAccuracy",
    "PairAgreement",
    "PrecisionRecall",
    "hue_metrics",
    "paired_metrics",
]
