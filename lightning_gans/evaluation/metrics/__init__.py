"""Metrics of generative models: pure functions in ``functional``, and the torchmetrics classes that keep state."""

from lightning_gans.evaluation.metrics.classes import ClassCoverage
from lightning_gans.evaluation.metrics.features import (
    DensityCoverage,
    FrechetDistance,
    MaximumMeanDiscrepancy,
    ModeCoverage,
    PrecisionRecall,
    TwoSampleAccuracy,
)
from lightning_gans.evaluation.metrics.inception import InceptionScore
from lightning_gans.evaluation.metrics.pairs import PairAgreement

__all__ = [
    "ClassCoverage",
    "DensityCoverage",
    "FrechetDistance",
    "InceptionScore",
    "MaximumMeanDiscrepancy",
    "ModeCoverage",
    "PairAgreement",
    "PrecisionRecall",
    "TwoSampleAccuracy",
]
