"""One bar for the whole run."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar


class StepProgressBar(TQDMProgressBar):
    """Counts steps over the whole run, with the losses of all players, the last FID and images per second.

    Lightning's bar starts anew in each epoch, which for a small data set means several times a second.

    Args:
        refresh_rate: Steps between redraws.
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
        planned = trainer.estimated_stepping_batches
        self.train_progress_bar.reset(total=None if planned == float("inf") else int(planned))

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """Nothing: the bar spans epochs."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing, likewise."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Redraw when due."""
        bar = self.train_progress_bar
        if not bar.disable and (trainer.global_step % self.refresh_rate == 0 or trainer.global_step == bar.total):
            bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
            bar.n = trainer.global_step
            bar.refresh()

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """What is logged with ``prog_bar`` under short names, without the version number that Lightning adds."""
        found = super().get_metrics(trainer, pl_module)
        found.pop("v_num", None)
        return {
            name.removeprefix("loss/").removeprefix("metrics/").replace("images_per_second", "images/s"): value
            for name, value in found.items()
        }
