"""A checkpoint that is held in a process of its own, as the web process sees it: it asks, and never imports torch."""

import asyncio
import multiprocessing
import signal
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from lightning_gans.errors import ConfigError
from lightning_gans.lab.game import start_server

OUTLINES = "outlines"
"""The name of the translator that comes with the package, from outlines to emoji."""
MOST_PIXELS = 512 * 512
"""Of an image that is handed in."""
MOST_BYTES = 1 << 20
"""Of its file."""
_WORKER = "lightning_gans.lab.drawing"  # whose function ``run`` is the process
_MOST_HELD = 4  # models at once, whatever the number of pages


class Abilities(NamedTuple):
    """What a model can be asked for."""

    model: str
    """Its class."""
    sources: Mapping[str, tuple[int, int, int]] = {}
    """Shape (C, H, W) of what it translates, by direction; empty for a model that generates from latents."""
    scale: int = 1
    """How many times as large as its source an image is."""
    completes: bool = False
    """Whether it fills holes, which a mask says."""
    classes: int | None = None
    """Number of classes, of a class-conditional model."""
    text: bool = False
    """Whether it is given sentences."""
    styles: int | None = None
    """Number of styles of an image."""


OF_OUTLINES = Abilities("Translator", {"AtoB": (3, 64, 64)})
"""Those of the translator that comes with the package: its page need not wait for it."""


class HeldModel:
    """A model that makes images of what it is given, in a process that ends when this is closed.

    Args:
        checkpoint: File that ``lightning_gans fit`` wrote; or ``OUTLINES``.
    """

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint
        context = multiprocessing.get_context("forkserver")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_hold, args=(other, checkpoint, _WORKER), daemon=True)
        self.ended = False
        """Whether its process has come and gone."""
        self._turn = asyncio.Lock()
        self._abilities: Abilities | None = None
        self._other: Connection | None = other

    async def abilities(self) -> Abilities:
        """What it can be asked for.

        Raises:
            ConfigError: The checkpoint cannot be read, or makes no images.
        """
        if self.checkpoint == OUTLINES:
            return OF_OUTLINES
        async with self._turn:
            return await self._started()

    async def request(self, kind: str, **what: Any) -> bytes:
        """A picture as PNG: of ``"translate"`` or ``"sample"``, see ``lab.drawing``; one request after the other.

        Raises:
            ConfigError: It cannot be done, or the process has ended.
        """
        async with self._turn:
            await self._started()
            found: bytes = await asyncio.to_thread(self._ask, (kind, what))
            return found

    def close(self) -> None:
        """End the process."""
        self.ended = True
        if self._process.pid is not None:
            self._process.kill()
        self._connection.close()

    async def _started(self) -> Abilities:
        if self._abilities is None:
            self._abilities = await asyncio.to_thread(self._start)
        return self._abilities

    def _start(self) -> Abilities:
        assert self._other is not None
        start_server()
        self._process.start()
        self._other.close()  # so that the end of the process is the end of the connection
        if self.ended:  # closed while the process was being forked
            self._process.kill()
            raise self._ended()
        found: Abilities = self._answer()
        return found

    def _ask(self, request: tuple[str, dict[str, Any]]) -> Any:
        try:
            self._connection.send(request)
        except OSError as error:
            raise self._ended() from error
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    def _ended(self) -> ConfigError:
        self.ended = True
        return ConfigError("checkpoint", self.checkpoint, "its process has ended; choose it again")


class HeldModels:
    """The models that pages hold: one process a checkpoint, whoever asks: a drawing leaves no trace in it."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[HeldModel, int]] = {}

    def take(self, checkpoint: str) -> HeldModel:
        """The model of a checkpoint, until ``give_back``.

        Raises:
            ConfigError: As many others as may are held.
        """
        model, users = self._held.get(checkpoint, (None, 0))
        if model is None or model.ended:
            if len(self._held) - (model is not None) >= _MOST_HELD:
                raise ConfigError("checkpoint", checkpoint, f"{_MOST_HELD} others are held already; close a page")
            model, users = HeldModel(checkpoint), 0
        self._held[checkpoint] = model, users + 1
        return model

    def give_back(self, model: HeldModel) -> None:
        """Need it no longer; it ends with its last user."""
        held, users = self._held.get(model.checkpoint, (None, 0))
        if held is not model:
            return  # it had ended, and another has taken its place
        if users > 1:
            self._held[model.checkpoint] = held, users - 1
        else:
            del self._held[model.checkpoint]
            model.close()

    def close(self) -> None:
        """End all of them."""
        for model, _ in self._held.values():
            model.close()
        self._held.clear()


def _hold(connection: Connection, checkpoint: str, worker: str) -> None:
    """The process: only here is torch imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the lab's to obey
    import_module(worker).run(connection, checkpoint)
