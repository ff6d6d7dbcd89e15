"""What a game tells its loggers, and when it stops because there is nothing sensible left to tell."""

from collections.abc import Sequence

import torch
from lightning.pytorch import Trainer

from lightning_gans.errors import SettingError


class NonFiniteLossError(SettingError):
    """A player's loss is not a number: training stops, and the last good checkpoint stays.

    Args:
        player: Name of the player.
        loss: Its loss.
        round_: Number of rounds played.
    """

    def __init__(self, player: str, loss: float, round_: int) -> None:
        remedy = f"stopped after {round_} rounds; lower the {player}'s learning rate or resume from the last checkpoint"
        super().__init__(f"loss/{player}", loss, remedy)


def log_values(trainer: Trainer, values: dict[str, float], on_bar: Sequence[str] = ()) -> None:
    """Log values at ``trainer.global_step``: to the loggers, to callbacks at once, and some to the progress bar.

    ``self.log`` would label the point with a counter of its own, one behind ``global_step``, and drop what a callback
    logs in a round that is not due; then losses and metrics of one moment stand at different places.

    Args:
        trainer: The trainer of the run.
        values: What to log.
        on_bar: The names that the progress bar shows.
    """
    tensors = {name: torch.tensor(value) for name, value in values.items()}
    trainer.callback_metrics.update(tensors)
    trainer.logged_metrics.update(tensors)
    trainer.progress_bar_metrics.update({name: values[name] for name in on_bar})
    for logger in trainer.loggers:
        logger.log_metrics({**values, "epoch": trainer.current_epoch}, step=trainer.global_step)
        logger.save()
