"""Keeps the best and the last state of a run."""

import sys
import time
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any
from weakref import proxy

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from lightning_gans.callbacks.interrupts import InterruptHandler
from lightning_gans.callbacks.lock import FolderLock
from lightning_gans.callbacks.metrics import MetricsCallback
from lightning_gans.callbacks.run_dir import is_fast_dev_run, relative_path, run_dir
from lightning_gans.callbacks.writing import UNFINISHED, AtomicCheckpointIO
from lightning_gans.engine import DivergedError, Game
from lightning_gans.engine.processes import on_rank_zero
from lightning_gans.errors import ConfigError


class StepCheckpoint(ModelCheckpoint):
    """Saves ``best.ckpt`` when the monitored metric improves, and ``last.ckpt`` by steps, by time and at the end.

    A metric belongs to the step in which it was measured: the best is saved in that step or not at all. Ctrl-C and
    SIGTERM finish the present step, save the last state and leave; a second Ctrl-C leaves at once. Lightning's own
    callback does not save by time under manual optimization. Files are written atomically: a kill or a full disk leaves
    the last good one. The folder is this run's alone until it ends. With ``max_rollbacks``, a run whose loss diverged
    goes back to the last state and on from there.

    Args:
        monitor: The metric that decides what is best, with or without the suffix of its features, or another logged
            value. None, or a run without metrics, keeps the last state only.
        mode: ``"min"`` or ``"max"``; the direction in which the monitored metric improves when None.
        every_n_steps: Steps between saves of the last state.
        train_time_interval: Time between saves of the last state; None for steps only.
        dirpath: Folder; by default ``checkpoints`` in the run's folder.
        filename: Name of the best one; may hold ``{step}`` and metrics, as Lightning's.
        save_top_k: How many of the best to keep.
        max_rollbacks: How often weights and optimizers may go back to the last state when a loss is not a number, or
            exploded. Data and noise go on, so the same failure is not repeated; 0 stops the run instead.

    Raises:
        ConfigError: A setting is out of its range, or another run writes to the folder.
    """

    def __init__(
        self,
        monitor: str | None = "metrics/fid",
        mode: str | None = None,
        every_n_steps: int = 1000,
        train_time_interval: timedelta | None = None,
        dirpath: str | None = None,
        filename: str = "best",
        save_top_k: int = 1,
        max_rollbacks: int = 0,
    ) -> None:
        if every_n_steps < 1:
            raise ConfigError("checkpoint.every_n_steps", every_n_steps, "must be 1 or more")
        if max_rollbacks < 0:
            raise ConfigError("checkpoint.max_rollbacks", max_rollbacks, "must be 0 or more")
        if save_top_k not in (0, 1) and "{" not in filename:
            filename += "-{step}"  # several cannot share a name
        super().__init__(
            dirpath=dirpath,
            filename=filename,
            monitor=monitor,
            mode=mode or "min",
            save_top_k=save_top_k if monitor is not None else 0,
            save_last=True,
            every_n_train_steps=every_n_steps,
            enable_version_counter=False,  # a rerun in the same folder replaces its own files
        )
        self.train_time_interval, self.max_rollbacks, self.rollbacks = train_time_interval, max_rollbacks, 0
        self._given_monitor, self._given_mode, self._given_dirpath = monitor, mode, dirpath
        self.wandb_id: str | None = None
        self._seen: Tensor | None = None
        self._num_logged = 0
        self._interrupts = InterruptHandler()
        self._lock = FolderLock()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Settle the folder, that of the run whatever the logger, and the full name of the monitored metric."""
        self.monitor, higher = self._find_monitor(trainer)
        if self._given_mode is None:
            self.mode, self.kth_value = "max" if higher else "min", torch.tensor(-torch.inf if higher else torch.inf)
        if self.dirpath is None:
            folder = Path(run_dir(trainer)).resolve() / "checkpoints"  # asks all processes
            self.dirpath = str(trainer.strategy.broadcast(str(folder)))
        super().setup(trainer, pl_module, stage)
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = AtomicCheckpointIO()
        if stage == "fit" and not is_fast_dev_run(trainer) and "://" not in str(self.dirpath):
            path, default = Path(str(self.dirpath)), self._given_dirpath is None
            setting = "trainer.default_root_dir" if default else "checkpoint.dirpath"
            on_rank_zero(lambda: self._lock.acquire(path.parent if default else path, setting))
        if stage == "fit" and trainer.is_global_zero:
            for file in Path(str(self.dirpath)).glob(f".*{UNFINISHED}"):  # what a kill left
                file.unlink(missing_ok=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember what was measured before the first step; catch Ctrl-C from here on."""
        super().on_train_start(trainer, pl_module)
        self._require_logged(trainer)
        self._seen = self._monitored(trainer)
        if isinstance(pl_module, Game) and self.max_rollbacks:
            pl_module.on_divergence = partial(self._rollback, trainer)
        self.wandb_id = next((logger.version for logger in trainer.loggers if isinstance(logger, WandbLogger)), None)
        self._interrupts.install(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Leave between two steps when somebody asked to stop."""
        self._interrupts.raise_if_received(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Save what is due: the best if its metric was measured in this step, the last by steps or by time."""
        self._require_logged(trainer)
        self._save_best(trainer)
        if trainer.global_step % self._every_n_train_steps == 0 or self._time_is_up(trainer):
            self._save_last(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state."""
        self._save_best(trainer)
        self._save_last(trainer)
        self._release(pl_module)
        self._require_logged(trainer, at_last=True)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save the last state when somebody asked to stop; after an error the last good one stays."""
        self._interrupts.remove()
        if isinstance(exception, KeyboardInterrupt | SIGTERMException) and trainer.training:
            self._save_last(trainer)
            if trainer.is_global_zero and self.last_model_path:
                advice = f"go on with --ckpt_path {relative_path(self.last_model_path)}"
                print(f"\nInterrupted after {trainer.global_step} steps; {advice}", file=sys.stderr)
        self._release(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Release what was taken, however training ended."""
        self._release(pl_module)
        super().teardown(trainer, pl_module, stage)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing: steps and time decide, epochs do not."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing, likewise."""

    @property
    def state_key(self) -> str:
        """The state belongs to the monitored metric; how often to save may change when a run is resumed."""
        return self._generate_state_key(monitor=self.monitor, mode=self.mode)

    def state_dict(self) -> dict[str, Any]:
        """The paths and scores, the number of rollbacks, and the id of the W&B run, which a resumed run continues."""
        return super().state_dict() | {"wandb_id": self.wandb_id, "rollbacks": self.rollbacks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back paths and scores, also when the run's folder was moved meanwhile."""
        folder, name = Path(self.dirpath or "."), Path(state_dict["best_model_path"]).name
        if name and (folder / name).is_file():
            before = f"{state_dict['dirpath']}/"
            moved = {path.replace(before, f"{folder}/"): score for path, score in state_dict["best_k_models"].items()}
            state_dict = state_dict | {"dirpath": str(folder), "best_k_models": moved}
            for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
                state_dict[key] = state_dict[key].replace(before, f"{folder}/")
        self.wandb_id, self.rollbacks = state_dict["wandb_id"], state_dict["rollbacks"]
        super().load_state_dict(state_dict)

    def _release(self, model: LightningModule) -> None:
        """Leave signals, folder, trainer and model as they were."""
        self._interrupts.remove()
        self._lock.release()
        if isinstance(model, Game):
            model.on_divergence = None

    def _save_best(self, trainer: Trainer) -> None:
        measured, before = self._monitored(trainer), self.rollbacks
        if measured is None or measured is self._seen or is_fast_dev_run(trainer):
            return
        self._seen = measured
        self._check_finite_state(trainer)
        if self.rollbacks == before:  # or else what was measured is not what is there now
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))

    def _save_last(self, trainer: Trainer) -> None:
        if not is_fast_dev_run(trainer):
            self._last_time_checked = time.monotonic()
            self._check_finite_state(trainer)
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def _check_finite_state(self, trainer: Trainer) -> None:
        """Nothing broken is saved over what is good."""
        if isinstance(trainer.lightning_module, Game):
            trainer.lightning_module.check_finite_state()

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        """Save; where the first process cannot write, all of them hear of it and stop."""
        content = trainer._checkpoint_connector.dump_checkpoint(self.save_weights_only)  # asks all processes
        on_rank_zero(lambda: trainer.strategy.checkpoint_io.save_checkpoint(content, filepath))
        self._last_global_step_saved, self._last_checkpoint_saved = trainer.global_step, filepath
        for logger in trainer.loggers if trainer.is_global_zero else []:
            logger.after_save_checkpoint(proxy(self))

    def _rollback(self, trainer: Trainer, error: DivergedError) -> None:
        """Take weights, averages and optimizers back to the last state; steps, data and noise go on.

        All processes come here together: they have agreed on the loss.
        """
        path = self.last_model_path
        if self.rollbacks >= self.max_rollbacks or not path:
            raise error
        self.rollbacks += 1
        content = trainer.strategy.load_checkpoint(path, weights_only=True)
        trainer.strategy.load_model_state_dict(content)
        trainer.strategy.load_optimizer_state_dict(content)
        assert isinstance(trainer.lightning_module, Game)  # which called this
        trainer.lightning_module.override_optimizer_settings(content)  # schedulers too
        if state := content.get(type(trainer.precision_plugin).__qualname__):
            trainer.precision_plugin.load_state_dict(state)
        if trainer.is_global_zero:
            lost = f"{error.name}={error.value} in step {trainer.global_step}"
            back = f"went back to the weights of step {content['lightning_gans']['step']}"
            print(f"\n{lost}: {back} (rollback {self.rollbacks} of {self.max_rollbacks})", file=sys.stderr)

    def _find_monitor(self, trainer: Trainer) -> tuple[str | None, bool]:
        """The monitored metric's full name (``metrics/fid`` may stand for ``metrics/fid_digits``); if higher is better.

        As far as the run's metrics say, of the first callback that measures it.
        """
        given = self._given_monitor
        for callback in trainer.callbacks:  # type: ignore[attr-defined] # Lightning sets it unseen
            if given is not None and isinstance(callback, MetricsCallback) and callback.evaluator is not None:
                names = callback.metric_names()
                for name in (given, given + callback.evaluator.features.metric_suffix):
                    if name in names:
                        return name, bool(names[name])
        return given, False

    def _require_logged(self, trainer: Trainer, at_last: bool = False) -> None:
        """Refuse a monitored name that nothing is logged by: as soon as one like it is logged, others at last.

        A metric where none is measured is not refused: only the last state is kept then.
        """
        names = trainer.callback_metrics
        new, self._num_logged = len(names) != self._num_logged, len(names)
        if self.monitor is None or self.monitor in names or not (new or at_last):
            return
        if of_metrics := self.monitor.startswith("metrics/"):
            alike = [name for name in names if name.startswith("metrics/")]
        else:
            alike = get_close_matches(self.monitor, names, cutoff=0.7)
        if alike or (at_last and names and not of_metrics):
            hint = f"is not logged, so no best state is kept; choose one of {', '.join(sorted(alike or names))}"
            raise ConfigError("checkpoint.monitor", self.monitor, hint)

    def _monitored(self, trainer: Trainer) -> Tensor | None:
        return None if self.monitor is None else trainer.callback_metrics.get(self.monitor)

    def _time_is_up(self, trainer: Trainer) -> bool:
        if self.train_time_interval is None or self._last_time_checked is None:
            return False
        up = time.monotonic() - self._last_time_checked >= self.train_time_interval.total_seconds()
        return bool(trainer.strategy.broadcast(up))  # clocks differ between processes; saving is collective
