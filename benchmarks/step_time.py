"""Step time of the models against a plain loop; see engine.py, whose first table this is."""

import contextlib
import copy
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger

sys.path.insert(0, str(Path(__file__).parents[1]))

from lightning_gans.batch import Batch
from lightning_gans.callbacks import StepCheckpoint, StepProgressBar
from lightning_gans.engine import Game
from tests.models.harness import ROWS, Row
from tests.models.plain_loop import plain_loop
from tests.models.running import built_of

TYPICAL = ("gan", "wgan_gp", "bigan", "aae", "pix2pix")
"""Two players; penalties; regularizers and an encoder; three optimizers; no latents."""


class Job(NamedTuple):
    """A row of the tests' table, at a size that takes long enough to be timed."""

    row: Row
    size: str
    words: tuple[str, ...]
    steps: int

    def parts(self) -> tuple[Game, LightningDataModule]:
        """Model and data, as the command builds them."""
        given = [word for name, value in self.row.arguments.items() for word in (f"--model.{name}", str(value))]
        return built_of("--config", self.row.config, "--trainer.logger", "false", *given, *self.words)

    def plain(self) -> float:
        """Seconds a step of the plain loop, without the first quarter."""
        model, data = self.parts()
        times: list[float] = []
        batches = self._batches(data, times)
        plain_loop(self.row.turns, model, self.row.told, batches, seed=7, steps=self.steps)  # in the same phases
        return _mean_step(times)

    def engine(self) -> float:
        """Seconds a step as users have it: logging every 50 steps, bar and CSV on."""
        model, data = self.parts()
        return engine(copy.deepcopy(model), copy.deepcopy(data), self.steps)

    def _batches(self, data: LightningDataModule, times: list[float]) -> Iterator[Batch]:
        while True:
            for raw in data.train_dataloader():
                batch = Batch.of(raw)
                yield batch._replace(condition=batch.condition.only(self.row.given))
                times.append(time.process_time())
                if len(times) == self.steps:
                    return


def _mean_step(times: Sequence[float]) -> float:
    warm = len(times) // 4
    return (times[-1] - times[warm - 1]) / (len(times) - warm)


def sized(config: str, smallest: float) -> Job:
    """A row with networks that are widened, and batches that are enlarged, until its plain step takes so long.

    Args:
        config: The row.
        smallest: Seconds that a step takes at least.
    """
    model = ROWS[config].file["model"]["init_args"]
    widths = {
        (role, key): node["init_args"][key]
        for role, node in model.items()
        for key in ("base_channels", "hidden_dims", "channel_base")
        if isinstance(node, dict) and key in node.get("init_args", {})
    }
    batch = ROWS[config].file["data"]["init_args"]["batch_size"]
    for factor in (1, 2, 4, 8, 16):
        wide = {at: _times(factor, width) for at, width in widths.items()}
        words = [w for (role, key), width in wide.items() for w in (f"--model.{role}.{key}", str(width))]
        words += ["--model.augment", "[]"] if "augment" in model else []  # the plain loops have none
        size = min(batch * factor, 512)
        largest = next(iter(wide.values()))
        job = Job(ROWS[config], f"{largest}, batch {size}", (*words, "--data.batch_size", str(size)), 8)
        if job.plain() >= smallest:
            break
    return job._replace(steps=16)


def _times(factor: int, width: Any) -> Any:
    return [factor * each for each in width] if isinstance(width, list) else factor * width


class Clock(Callback):
    """Seconds a step, without the first quarter."""

    def __init__(self, steps: int) -> None:
        self.warm, self.seconds = steps // 4, 0.0

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Start when warm, stop at the end."""
        if trainer.global_step == self.warm:
            self.start = time.process_time()
        if trainer.global_step == trainer.max_steps:
            self.seconds = (time.process_time() - self.start) / (trainer.max_steps - self.warm)


def fit(game: LightningModule, data: Any, steps: int, *callbacks: Callback, **kwargs: Any) -> Trainer:
    """A run without files, unless they are asked for."""
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "max_epochs": -1,
        "logger": False,
        "enable_checkpointing": any(isinstance(callback, StepCheckpoint) for callback in callbacks),
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    torch.manual_seed(7)
    ckpt_path = kwargs.pop("ckpt_path", None)
    trainer = Trainer(max_steps=steps, callbacks=list(callbacks), **{**settings, **kwargs})
    trainer.fit(game, data, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def engine(game: Game, data: LightningDataModule, steps: int) -> float:
    """Seconds a step as users have it: logging every 50 steps, bar and CSV on."""
    clock = Clock(steps)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):  # the bar's place
        fit(
            game,
            data,
            steps,
            clock,
            StepProgressBar(),
            logger=CSVLogger(folder),
            enable_progress_bar=True,
            log_every_n_steps=50,
        )
    return clock.seconds


def step_times(configs: Sequence[str], repeats: int, smallest: float) -> None:
    """Table 1: the engine against a plain loop, the small MLP and then networks of real size."""
    small = ("--config", "data/ring")
    jobs = [Job(ROWS["gan"], "points, [128, 128], batch 256", small, 200)]
    print(f"{'':44}{'plain loop':>12}{'engine':>12}{'more':>12}{'times':>7}{'from - to':>14}")
    for job in (*jobs, *(sized(config, smallest) for config in configs)):
        pairs = []
        for number in range(repeats):
            first, second = (job.plain, job.engine) if number % 2 else (job.engine, job.plain)
            took = first(), second()
            pairs.append(took if number % 2 else took[::-1])
        plain, ours, more = (
            1000 * statistics.median(column) for column in zip(*[(p, e, e - p) for p, e in pairs], strict=True)
        )
        ratios = sorted(e / p for p, e in pairs)
        name = f"{job.row.config}, {job.size}"
        spread = f"{ratios[0]:.2f} - {ratios[-1]:.2f}"
        times = statistics.median(ratios)
        print(f"{name:44}{plain:9.2f} ms{ours:9.2f} ms{more:+9.2f} ms{times:6.2f}x{spread:>14}", flush=True)
