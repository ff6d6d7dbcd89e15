"""One bar for the whole run."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar

_SECONDS = 1.0  # after which it is redrawn, however few steps there were


class StepProgressBar(TQDMProgressBar):
    """Counts steps over the whole run, with the losses of all players, the last FID and images per second.

    Lightning's bar starts anew in each epoch, which for a small data set means several times a second. A game brings
    this one where the trainer was given none.

    Args:
        refresh_rate: Steps between redraws; there is one a second at least.
    """

    def __init__(self, refresh_rate: int = 50) -> None:
        super().__init__(refresh_rate=refresh_rate)

    @property
    def train_description(self) -> str:
        """What is counted."""
        return "steps"

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Open the bar; its total is the number of steps that are planned."""
        super().on_train_start(trainer)
        planned, self._drawn = trainer.estimated_stepping_batches, time.monotonic()
        self.train_progress_bar.reset(total=None if planned == float("inf") else int(planned))

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """Nothing: the bar spans epochs."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing, likewise."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Redraw when due."""
        bar, step, now = self.train_progress_bar, trainer.global_step, time.monotonic()
        if bar.disable:
            return
        if step % self.refresh_rate == 0 or step == bar.total or now - self._drawn > _SECONDS:
            self._drawn = now
            bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
            bar.n = step
            bar.refresh()

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """What is logged with ``prog_bar`` under short names, without the version number that Lightning adds."""
        found = super().get_metrics(trainer, pl_module)
        found.pop("v_num", None)
        speed = found.pop("images_per_second", None)
        shown = {name.removeprefix("loss/").removeprefix("metrics/"): f"{value:.5g}" for name, value in found.items()}
        return shown if speed is None else shown | {"images/s": f"{speed:.0f}"}


def replace_default_bar(trainer: Trainer) -> None:
    """Bring ``StepProgressBar`` in the place of the bar that Lightning adds where it was given none."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
    for index, bar in enumerate(callbacks):
        if type(bar) is RichProgressBar and vars(bar) == vars(RichProgressBar()):
            callbacks[index] = StepProgressBar()
