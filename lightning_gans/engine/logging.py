"""What a game tells its loggers."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lightning_gans.engine.checks import NonFiniteLossError

_REMEMBERED_LOSSES = 10_000  # when logging is never due, the oldest are forgotten

Mean = Callable[[Tensor], Tensor]
"""The mean of a tensor over all processes; collective."""


class LossBuffer:
    """What the updates report until logging is due: losses of all updates, values of due steps, and the speed.

    It keeps tensors and reads none of them before it must: no step waits for the device but those that are logged.

    Args:
        limit: A loss that is larger, in absolute value, counts as exploded.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.last_losses: dict[str, float] = {}
        self.values: dict[str, Tensor] = {}
        self._losses: deque[tuple[str, Tensor]] = deque(maxlen=_REMEMBERED_LOSSES)
        self.restart_clock()

    def restart_clock(self) -> None:
        """Begin to measure the speed."""
        self._images, self._since = 0, time.perf_counter()

    def add_loss(self, player: str, loss: Tensor) -> None:
        """Keep the loss of an update."""
        self._losses.append((player, loss))

    def count_images(self, images: int) -> None:
        """Count images, those of all processes."""
        self._images += images

    def check_finite(self, mean: Mean, step: int) -> NonFiniteLossError | None:
        """Read the losses since the last call; the first that is lost, if one is. Waits for the device."""
        if not self._losses:
            return None
        names, losses = zip(*self._losses, strict=True)
        self._losses.clear()
        for name, loss in zip(names, _read(losses, mean), strict=True):
            if not math.isfinite(loss) or abs(loss) > self.limit:
                return NonFiniteLossError(name, loss, step)
            self.last_losses[name] = loss
        return None

    def flush(self, mean: Mean) -> dict[str, float]:
        """What to log now: latest losses, values, images per second; one exchange between processes."""
        values = {f"loss/{name}": loss for name, loss in self.last_losses.items()}
        if self.values:
            values |= dict(zip(self.values, _read(list(self.values.values()), mean), strict=True))
        values["images_per_second"] = self._images / (time.perf_counter() - self._since)
        self.restart_clock()
        return values


def _read(values: Sequence[Tensor], mean: Mean) -> list[float]:
    numbers: list[float] = mean(torch.stack([value.float() for value in values])).tolist()
    return numbers


def log_metrics(trainer: Trainer, values: dict[str, float], prog_bar: Sequence[str] = ()) -> None:
    """Log values at ``trainer.global_step``: to the loggers, to callbacks at once, and some to the progress bar.

    ``self.log`` would label the point with a counter of its own, one behind ``global_step``, and drop what a callback
    logs in a step that is not due; then losses and metrics of one moment stand at different places.

    Args:
        trainer: The trainer of the run.
        values: What to log.
        prog_bar: The names that the progress bar shows.
    """
    tensors = {name: torch.tensor(value) for name, value in values.items()}
    trainer.callback_metrics.update(tensors)
    trainer.logged_metrics.update(tensors)
    trainer.progress_bar_metrics.update({name: values[name] for name in prog_bar})
    for logger in trainer.loggers:
        logger.log_metrics({**values, "epoch": trainer.current_epoch}, step=trainer.global_step)
        logger.save()
