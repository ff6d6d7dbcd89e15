"""Ctrl-C and SIGTERM: the present step is finished before a run ends."""

import signal
import threading
from contextlib import ExitStack
from types import FrameType

from lightning.pytorch import Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

_AGREE_EVERY = 10  # steps: asking all processes in each would make a GPU wait for each


class InterruptHandler:
    """Notes the first signal and raises it between two steps; a second Ctrl-C raises at once.

    Lightning's handler of SIGTERM broadcasts wherever it happens to interrupt, which hangs several processes; and its
    processes ask each other about it in every step, which makes every step wait for the device. So both are replaced
    while it is installed.
    """

    def __init__(self) -> None:
        self.received = 0
        self._undo = ExitStack()

    def install(self, trainer: Trainer) -> None:
        """Catch signals from here on: on the main thread only, as Python has it, and one handler of a run."""
        self.received = 0
        present = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        if threading.current_thread() is not threading.main_thread() or isinstance(present, InterruptHandler):
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._undo.callback(signal.signal, number, signal.signal(number, self._note) or signal.SIG_DFL)
        loop = trainer.fit_loop.epoch_loop
        # Lightning's question to all processes in every step; `raise_if_received` asks them. There is no public way.
        loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        self._undo.callback(vars(loop).pop, "_broadcast_sigterm_tensor", None)

    def remove(self) -> None:
        """Give the signals and the trainer's own method back."""
        self._undo.close()

    def raise_if_received(self, trainer: Trainer) -> None:
        """Leave when a signal came; several processes agree on the step, now and then.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            SIGTERMException: SIGTERM.
        """
        leave = self.received > 0
        if trainer.world_size > 1:
            due = trainer.global_step % _AGREE_EVERY == 0
            leave = due and trainer.strategy.reduce_boolean_decision(leave, all=False)
        if leave:
            raise SIGTERMException if self.received == signal.SIGTERM else KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = number
