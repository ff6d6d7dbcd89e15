"""What a run says when it ends."""

import sys
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from rich.console import Console
from rich.table import Table

from lightning_gans.callbacks.checkpoint import GameCheckpoint
from lightning_gans.callbacks.metrics import MetricsCallback
from lightning_gans.callbacks.samples import SampleGrid
from lightning_gans.evaluation import Report


class RunSummary(Callback):
    """Prints, at the end of ``fit``, the table of metrics and where checkpoints, pictures and the W&B run are."""

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """After all hooks of training, when every file is written."""
        if not trainer.is_global_zero or trainer.fast_dev_run:
            return
        console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        console.print()
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, MetricsCallback) and callback.report is not None:
                console.print(table(callback.report, trainer.global_step))
        for name, path in paths(trainer).items():
            console.print(f"{name:<16} {path}", soft_wrap=True)


def table(report: Report, rounds: int) -> Table:
    """The figures, each beside what a perfect generator scores, and under them how they came about."""
    protocol = report.protocol
    caption = (
        f"{protocol['fake']} samples ({protocol['weights']} weights, seed {protocol['seed']}) against {protocol['real']} "
        f"real images; features {protocol['features']} {protocol['features_sha256'][:8]}; floor: {protocol['floor']}"
    )
    result = Table(title=f"Metrics after {rounds} rounds", caption=caption)
    for heading in ("metric", "value", "floor"):
        result.add_column(heading, justify="left" if heading == "metric" else "right")
    for name, value in report.values.items():
        result.add_row(name, f"{value:.4g}", f"{report.floors[name]:.4g}")
    return result


def paths(trainer: Trainer) -> dict[str, Any]:
    """Where things are, by what they are."""
    found: dict[str, Any] = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, GameCheckpoint):
            found |= {"best checkpoint": callback.best_model_path, "last checkpoint": callback.last_model_path}
        if isinstance(callback, SampleGrid):
            found["samples"] = callback.path
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger) and logger.experiment.settings.mode == "offline":
            found["to upload"] = f"wandb sync {_shown(Path(logger.experiment.dir).parent)}"
    return {name: _shown(path) for name, path in found.items() if path}


def _shown(path: Any) -> Any:  # noqa: ANN401
    """A path relative to the working directory where it lies below it."""
    text = str(path)
    return text.replace(f"{Path.cwd()}/", "", 1)
