"""What a game tells its loggers."""

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from lightning_gans.engine.checks import NonFiniteLossError

_REMEMBERED_LOSSES = 10_000  # when logging is never due, the oldest are forgotten


class LossBuffer:
    """What the updates report until logging is due: losses of all updates, values of due steps, and the speed.

    It keeps tensors and reads none of them before it must: no step waits for the device but those that are logged. A
    loss beyond the limit, in absolute value, counts as exploded.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.last_losses: dict[str, float] = {}
        self.values: dict[str, Tensor] = {}
        self._losses: deque[tuple[str, Tensor]] = deque(maxlen=_REMEMBERED_LOSSES)
        self.restart_clock()

    def restart_clock(self) -> None:
        """Begin to measure the speed: images, of all processes, since now."""
        self.images, self._since = 0, time.perf_counter()

    def add_loss(self, player: str, loss: Tensor) -> None:
        """Keep the loss of an update."""
        self._losses.append((player, loss))

    def check_finite(self, strategy: Strategy, step: int) -> NonFiniteLossError | None:
        """Read the losses since the last call; the first that is lost, if one is. Collective, waits for the device."""
        if not self._losses:
            return None
        names, losses = zip(*self._losses, strict=True)
        self._losses.clear()
        for name, loss in zip(names, _means(losses, strategy), strict=True):
            if not math.isfinite(loss) or abs(loss) > self.limit:
                return NonFiniteLossError(name, loss, step)
            self.last_losses[name] = loss
        return None

    def flush(self, strategy: Strategy) -> dict[str, float]:
        """What to log now: latest losses, values, images per second; one exchange between processes."""
        values = {f"loss/{name}": loss for name, loss in self.last_losses.items()}
        if self.values:
            values |= dict(zip(self.values, _means(self.values.values(), strategy), strict=True))
        values["images_per_second"] = self.images / (time.perf_counter() - self._since)
        self.restart_clock()
        return values


def _means(values: Iterable[Tensor], strategy: Strategy) -> list[float]:
    """Of scalars over all processes."""
    numbers: list[float] = strategy.reduce(torch.stack([v.float() for v in values]), reduce_op="mean").tolist()
    return numbers


def log_metrics(trainer: Trainer, values: dict[str, float], prog_bar: Sequence[str] = ()) -> None:
    """Log values at ``trainer.global_step``: to the loggers, to callbacks at once, and some to the progress bar.

    ``self.log`` would label the point with a counter of its own, one behind ``global_step``, and drop what a callback
    logs in a step that is not due; then losses and metrics of one moment stand at different places.
    """
    tensors = {name: torch.tensor(value) for name, value in values.items()}
    trainer.callback_metrics.update(tensors)
    trainer.logged_metrics.update(tensors)
    trainer.progress_bar_metrics.update({name: values[name] for name in prog_bar})
    for logger in trainer.loggers:
        logger.log_metrics({**values, "epoch": trainer.current_epoch}, step=trainer.global_step)
        logger.save()
