"""Lightning glue: metrics, pictures, checkpoints, the bar and the closing summary."""

from lightning_gans.callbacks.checkpoint import GameCheckpoint
from lightning_gans.callbacks.metrics import MetricsCallback
from lightning_gans.callbacks.progress import RoundsBar
from lightning_gans.callbacks.samples import SampleGrid
from lightning_gans.callbacks.summary import RunSummary

__all__ = ["GameCheckpoint", "MetricsCallback", "RoundsBar", "RunSummary", "SampleGrid"]
