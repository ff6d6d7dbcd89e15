"""Metrics of generative models: pure functions in ``functional``, and the torchmetrics classes that keep state."""

from lightning_gans.evaluation.metrics.classes import ClassCoverage
from lightning_gans.evaluation.metrics.features import (
    DensityCoverage,
    FrechetDistance,
    MaximumMeanDiscrepancy,
    ModeCoverage,
    OneNNAccuracy,
    PrecisionRecall,
)
from lightning_gans.evaluation.metrics.inception import InceptionScore
from lightning_gans.evaluation.metrics.pair_agreement import PairAgreement
from lightning_gans.evaluation.metrics.paired import (
    HueEntropy,
    HueTotalVariation,
    MeanPSNR,
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
