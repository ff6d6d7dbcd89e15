"""Lightning's count of rounds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightning.pytorch.core.optimizer import LightningOptimizer, do_nothing_closure


@contextmanager
def counted_once(optimizers: Sequence[LightningOptimizer]) -> Iterator[None]:
    """Let all moves of a round count as one step.

    Lightning counts every optimizer step by the hooks that it sets on each optimizer for the time of a batch; here
    they are muted, and called once.
    """
    before, after = optimizers[0]._on_before_step, optimizers[0]._on_after_step
    for optimizer in optimizers:
        optimizer._on_before_step = optimizer._on_after_step = do_nothing_closure
    yield
    before()
    after()
