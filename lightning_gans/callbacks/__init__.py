"""Lightning glue: metrics, pictures, checkpoints, the bar and the closing summary."""

from lightning_gans.callbacks.changes import ScheduledChanges
from lightning_gans.callbacks.checkpoint import StepCheckpoint
from lightning_gans.callbacks.metrics import MetricsCallback
from lightning_gans.callbacks.samples import SampleGrid
from lightning_gans.callbacks.summary import RunSummary
from lightning_gans.callbacks.threads import ThreadChoice
from lightning_gans.engine.progress import StepProgressBar

__all__ = [
    "MetricsCallback",
    "RunSummary",
    "SampleGrid",
    "ScheduledChanges",
    "StepCheckpoint",
    "StepProgressBar",
    "ThreadChoice",
]
