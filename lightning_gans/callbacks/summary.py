"""What a run says when it ends."""

import sys
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.model_summary.model_summary import get_human_readable_count
from rich.console import Console
from rich.table import Table

from lightning_gans.callbacks.checkpoint import StepCheckpoint
from lightning_gans.callbacks.metrics import MetricsCallback
from lightning_gans.callbacks.run_dir import is_fast_dev_run, relative_path, run_dir
from lightning_gans.callbacks.samples import SampleGrid
from lightning_gans.engine import Game
from lightning_gans.evaluation.report import Report


class RunSummary(Callback):
    """Prints what is trained and where at the start of ``fit``; at its end the metrics, and where everything is.

    In ``validate`` and ``test``: the metrics.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One line: the model, its size, the device, the folder."""
        folder = run_dir(trainer)  # asks all processes
        if not trainer.is_global_zero:
            return
        parts = pl_module.named_children()
        counts = {name: sum(p.numel() for p in part.parameters() if p.requires_grad) for name, part in parts}
        sizes = ", ".join(f"{name} {get_human_readable_count(count)}" for name, count in counts.items() if count)
        device = f"{trainer.world_size} x {pl_module.device.type}" if trainer.world_size > 1 else str(pl_module.device)
        where = "nothing is saved (fast_dev_run)" if is_fast_dev_run(trainer) else relative_path(folder)
        print(f"{type(pl_module).__name__} on {device} ({sizes} parameters): {where}", flush=True)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After all hooks of training, when every file is written."""
        if trainer.is_global_zero and not is_fast_dev_run(trainer):
            self.on_test_end(trainer, pl_module)
            for name, path in paths(trainer).items():
                print(f"{name:<16} {path}", flush=True)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In ``validate``: the metrics."""
        if trainer.state.fn == "validate":
            self.on_test_end(trainer, pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Likewise."""
        if not trainer.is_global_zero:
            return
        steps = pl_module.step if isinstance(pl_module, Game) else trainer.global_step
        console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        console.print()
        for callback in trainer.callbacks:  # type: ignore[attr-defined] # Lightning sets it unseen
            if isinstance(callback, MetricsCallback) and callback.report is not None:
                console.print(table(callback.report, steps))


def table(report: Report, steps: int) -> Table:
    """The figures, each beside what a perfect generator scores, and under them how they came about."""
    fake = report.provenance["fake"]
    samples = f"{fake['count']} samples ({fake['weights']} weights, seed {fake['seed']})"
    result = Table("metric", title=f"Metrics after {steps} steps", caption=f"{samples} {report.caption}")
    for heading in ("value", "floor"):
        result.add_column(heading, justify="right")
    for name, value in report.values.items():
        result.add_row(name, f"{value:.4g}", f"{report.real_vs_real[name]:.4g}" if name in report.real_vs_real else "")
    return result


def paths(trainer: Trainer) -> dict[str, Any]:
    """Where things are, by what they are."""
    found: dict[str, Any] = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined] # Lightning sets it unseen
        if isinstance(callback, StepCheckpoint):
            found |= {"best checkpoint": callback.best_model_path, "last checkpoint": callback.last_model_path}
        if isinstance(callback, SampleGrid):
            found["samples"] = callback.path
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger) and logger.experiment.settings.mode == "offline":
            latest = Path(logger.experiment.dir).parent
            parts = sorted(latest.parent.glob(f"offline-run-*-{logger.version}"))  # several after a resume
            found["to upload"] = f"wandb sync {' '.join(relative_path(part) for part in parts or [latest])}"
    return {name: relative_path(path) for name, path in found.items() if path}
