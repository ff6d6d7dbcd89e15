"""How many threads of the processor a run computes with."""

import os
from contextlib import ExitStack
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lightning_gans.errors import ConfigError

FLOPS_PER_THREAD = 5e8
"""What a step has to compute for each thread: with less, they wait for each other more than they compute.

``benchmarks/threads.py`` measures it.
"""


class ThreadChoice(Callback):
    """Chooses the threads of a training on the CPU by the work of its first step, and says so in one line.

    Threads share every single operation, and wait for the slowest: where operations are small, a second thread costs
    more than it brings, above all beside another program. The choice depends on the game alone, not on what else runs,
    and is kept in checkpoints: a resumed run rounds as it did. Several processes share the cores as Lightning has it.

    Args:
        num_threads: Threads; null for ``OMP_NUM_THREADS`` where that is set, or else the choice.

    Raises:
        ConfigError: ``num_threads`` is below 1.
    """

    def __init__(self, num_threads: int | None = None) -> None:
        if num_threads is not None and num_threads < 1:
            raise ConfigError("threads.num_threads", num_threads, "must be 1 or more, or null for a choice by size")
        self.num_threads = num_threads
        self.chosen: int | None = None
        self._before = torch.get_num_threads()
        self._counter: _OperationCounter | None = None
        self._counting = ExitStack()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """What was asked for; or one thread until the choice is made."""
        self._before = torch.get_num_threads()
        if self.num_threads is not None:
            torch.set_num_threads(self.num_threads)
        elif (
            stage == "fit"
            and "OMP_NUM_THREADS" not in os.environ
            and trainer.world_size == 1
            and trainer.strategy.root_device.type == "cpu"
        ):
            torch.set_num_threads(1)
            self._counter = _OperationCounter()  # type: ignore[no-untyped-call] # torch's

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run goes on with what it had."""
        if self._counter is not None and self.chosen is not None:
            self._counter = None
            torch.set_num_threads(min(self.chosen, self._before))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Count the operations of the first step."""
        if self._counter is not None:
            self._counting.enter_context(self._counter)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Choose after it."""
        if self._counter is None:
            return
        self._counting.close()
        flops, self._counter = self._counter.flops, None
        self.chosen = threads_for(flops, self._before)
        torch.set_num_threads(self.chosen)
        why = f"a step is {flops / 1e9:.2g} GFLOP; OMP_NUM_THREADS or --threads.num_threads sets another number"
        _print(trainer, f"{self.chosen} of {self._before} threads ({why})")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """The process has its threads back."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Likewise."""
        self._stop()

    def _stop(self) -> None:
        self._counting.close()
        self._counter = None
        torch.set_num_threads(self._before)

    def state_dict(self) -> dict[str, Any]:
        """The choice."""
        return {"chosen": self.chosen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Likewise."""
        self.chosen = state_dict["chosen"]


class _OperationCounter(TorchDispatchMode):
    """Counts as torch's FlopCounterMode does, whose hooks on modules do not survive a gradient penalty."""

    flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        return result


def threads_for(flops: int, available: int) -> int:
    """How many threads a step of that many operations shall have.

    Example:
        >>> threads_for(10**8, available=8), threads_for(2 * 10**9, available=8), threads_for(10**12, available=8)
        (1, 4, 8)
    """
    return max(1, min(available, int(flops / FLOPS_PER_THREAD)))


def _print(trainer: Trainer, line: str) -> None:
    bar = trainer.progress_bar_callback
    if isinstance(bar, TQDMProgressBar) and bar.is_enabled:
        bar.print(line)  # above the bar
    else:
        print(line, flush=True)
