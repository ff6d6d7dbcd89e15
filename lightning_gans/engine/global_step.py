"""Lightning's count of steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.core.optimizer import LightningOptimizer, do_nothing_closure


@contextmanager
def one_global_step(optimizers: Sequence[LightningOptimizer]) -> Iterator[None]:
    """Let all updates of a step count as one.

    Lightning counts every optimizer step by the hooks that it sets on each optimizer for the time of a batch; here
    they are muted, and called once.
    """
    before, after = optimizers[0]._on_before_step, optimizers[0]._on_after_step
    for optimizer in optimizers:
        optimizer._on_before_step = optimizer._on_after_step = do_nothing_closure
    yield
    before()
    after()


def rewind_to_step_end(checkpoint: dict[str, Any], epoch: int) -> None:
    """Let a checkpoint say that its last step has just ended, whenever it was saved after it.

    Lightning counts on when training ends: an epoch that ``max_steps`` cut short is complete then, and resuming plays
    one batch more of an epoch that is over. From the end of a step it resumes exactly.

    Args:
        checkpoint: Its content, as Lightning made it; changed in place.
        epoch: That of the last step.
    """
    loop = checkpoint.get("loops", {}).get("fit_loop")
    if loop is None or loop["epoch_loop.batch_progress"]["current"]["processed"] == 0:
        return  # no training state, or an epoch that has just begun
    if (
        loop["epoch_loop.batch_progress"]["current"]["ready"]
        > loop["epoch_loop.batch_progress"]["current"]["processed"]
    ):
        loop["epoch_loop.batch_progress"]["is_last_batch"] = False  # said of a batch that was loaded, but not used
    for batches in (loop["epoch_loop.batch_progress"][which] for which in ("total", "current")):
        batches["ready"] = batches["started"] = batches["processed"]
        batches["completed"] = batches["processed"] - 1
    for epochs in (loop["epoch_progress"][which] for which in ("total", "current")):
        epochs["ready"] = epochs["started"] = epoch + 1
        epochs["processed"] = epochs["completed"] = epoch
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] = loop["epoch_loop.batch_progress"]["total"]["completed"]
    checkpoint["epoch"] = epoch
