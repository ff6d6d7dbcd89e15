"""A game that plays in a process of its own, as the web process sees it: commands go there, frames come back."""

import asyncio
import multiprocessing
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.errors import ConfigError
from lightning_gans.lab.timeline import Timeline

_CONTEXT = multiprocessing.get_context("forkserver")
_LOOK = 0.01  # seconds between looks for an answer


def start_server() -> None:
    """Start the process from which games are forked, and return at once: it imports the package in the background."""
    _CONTEXT.set_forkserver_preload(["lightning_gans.lab.worker"])
    forkserver.ensure_running()


class PlayedGame:
    """A game of ``fit`` in a process of its own, which plays when it is told to, and can be changed on the way.

    It stands still at first. Everything is asked from one thread, an event loop's; nothing here waits for the other
    process, but ``request``.

        game = PlayedGame(["--config", "gan", "--config", "data/ring"], parts=["fake", "surface", "measures"])
        game.play()
        while game.state != "finished":
            for message in game.poll():  # as often as pictures are wanted: 20 times a second
                if message["kind"] == "scene": ...  # message["scene"], once; it is game.scene too
                if message["kind"] == "frame": ...  # the next one is made when this one has been taken

    Messages are plain data, each with its ``kind``: ``scene`` (scene), ``frame`` (step; player: who is about to be
    updated, None between steps; losses: by player, [[step, value], ...] since the last frame; steps_per_second; and
    what is shown, see ``frames``), ``state`` (state, step, error), ``changed`` (step, setting, value) and ``refused``
    (line: why a change cannot be made).

    A scene has its own ``kind``, points or images, ``players`` by name, and ``settings``: what can be changed, with
    present values; the rest is in ``frames``.

    Args:
        words: The game as ``fit``'s command line describes it; ``--config NAME`` of shipped configs and files.
        parts: What frames show; see ``PARTS`` of ``frames``.
        checkpoint: To begin with what ``fit`` wrote.
        folder: For the game's states and output; a temporary one by default. It is removed with the game.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        parts: Sequence[str] = (),
        checkpoint: str | Path | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self.words, self.parts = tuple(words), tuple(parts)
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.folder = Path(tempfile.mkdtemp(prefix="lightning_gans_") if folder is None else folder)
        self.state = "loading"
        """loading, paused, playing, finished, or failed."""
        self.error: str | None = None
        """What went wrong, in a line."""
        self.step = 0
        self.scene: dict[str, Any] | None = None
        """What stays the same in all frames, once it is known."""
        self.changes: list[dict[str, Any]] = []
        """What was changed on the way: step, setting, value."""
        self.timeline = Timeline()
        self._config = ""
        self._inbox: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}  # by the number of what was sent
        self._pace: float | None = None
        self._start(self.checkpoint, None)

    # What is told to the game.

    def play(self) -> None:
        """Play until it is paused or has done all its steps."""
        self._tell("play", state="playing")

    def pause(self) -> None:
        """Stand still; a step that has begun is finished, unless it stands still within."""
        self._tell("pause")

    def advance(self, steps: int = 1) -> None:
        """Play so many steps; what is left of one that has begun counts as one."""
        self._tell("advance", steps=steps, state="playing")

    def advance_update(self) -> None:
        """Play one update of one player."""
        self._tell("advance_update", state="playing")

    def pace(self, steps_per_second: float | None) -> None:
        """Play no faster; below 5, it stands still before each player's update too, so that each can be seen."""
        self._pace = steps_per_second
        self._tell("pace", steps_per_second=steps_per_second)

    def show(self, parts: Sequence[str]) -> None:
        """Say what frames show from now on."""
        self.parts = tuple(parts)
        self._tell("show", parts=self.parts)

    def change(self, setting: str, value: float | bool) -> None:
        """Change one of ``scene["settings"]`` from the next step on; a message says from which, or why not."""
        self._tell("change", setting=setting, value=value)

    def go_back(self, step: int) -> None:
        """Go back to where it was after so many steps: what came later is forgotten, changes too."""
        self._stop()
        step = max(0, min(step, self.step))
        self.changes = [each for each in self.changes if each["step"] < step]
        self.timeline.forget_after(step)
        self.step, self.error = step, None
        self._start(self.timeline.state_before(step) or self.checkpoint, step)

    # What the game says.

    def poll(self) -> list[dict[str, Any]]:
        """What it has said since the last time; asks for the next frame, which is made when something has changed."""
        self._listen()
        messages, self._inbox = self._inbox, []
        return messages

    async def request(self, kind: str, **what: Any) -> dict[str, Any]:
        """Ask for something else: ``save`` for the ``path`` of a checkpoint; see ``answer`` of ``ImageFrames``.

        Raises:
            ConfigError: It cannot, or the game has ended.
        """
        answers = self._answers  # of this process: there are others after going back
        self._tell("request", kind=kind, what=what)
        number = self._sent
        while number not in answers:
            self._listen()
            if number not in answers and (self.state == "failed" or self._answers is not answers):
                raise ConfigError(kind, what, f"the game {self.error or 'went back'}")
            await asyncio.sleep(_LOOK)
        answer = answers.pop(number)
        if "error" in answer:
            raise ConfigError(kind, what, answer["error"])
        found: dict[str, Any] = answer["result"]
        return found

    def config_text(self) -> str:
        """The game as a config for ``fit``, with what was changed on the way: it gives the same losses."""
        content = yaml.safe_load(self._config)
        if self.changes:
            changes = {"changes": self.changes}
            scheduled = {"class_path": "lightning_gans.callbacks.ScheduledChanges", "init_args": changes}
            given = content["trainer"]["callbacks"] or []
            content["trainer"]["callbacks"] = [*(given if isinstance(given, list) else [given]), scheduled]
        text: str = yaml.safe_dump(content, sort_keys=False)
        return text

    def close(self) -> None:
        """End it, and remove its files."""
        self._stop()
        if self.state != "failed":
            self._fail("is closed")
        shutil.rmtree(self.folder, ignore_errors=True)

    # How they talk.

    def _start(self, checkpoint: Path | None, until: int | None) -> None:
        """Begin in a new process; with the step to go to at once, unseen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self._sent, self._moved, self._wanted = "loading", 0, 0, False
        self._inbox, self._answers = [], {}
        start_server()
        self._connection, theirs = _CONTEXT.Pipe()
        given = (self.words, str(self.folder), self.parts, checkpoint and str(checkpoint), self.changes, until)
        self._process = _CONTEXT.Process(target=_work, args=(theirs, *given))
        self._process.start()
        self._stop = weakref.finalize(self, _end, self._process, self._connection)  # with this process, at the latest
        theirs.close()
        if self._pace is not None:
            self.pace(self._pace)

    def _tell(self, command: str, state: str | None = None, **what: Any) -> None:
        if self.state == "failed":
            return
        self._sent += 1
        try:
            self._connection.send({"command": command, "sent": self._sent, **what})
        except OSError:
            self._fail("its process has ended")
            return
        if state is not None:
            self._moved = self._sent
            self.state = state if self.state == "paused" else self.state

    def _listen(self) -> None:
        if self.state == "failed":
            return
        try:
            while self.state != "failed" and self._connection.poll():
                self._hear(self._connection.recv())
        except (EOFError, OSError):
            self._process.join(1)
            self._fail(f"its process has ended (exit code {self._process.exitcode})")
        if not self._wanted and self.scene is not None:
            self._wanted = True
            self._tell("frame")

    def _hear(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "answer":
            self._answers[message["sent"]] = message
            return
        if kind == "saved":
            self.timeline.add_state(message["step"], Path(message["path"]))
            return
        if kind == "scene":
            config = message.pop("config")
            self._config = self._config or config  # of the beginning: later ones begin with a state
            self.scene = message["scene"]
        elif kind == "frame":
            self._wanted, self.step = False, message["step"]
            settings = message.pop("settings")
            if self.scene is not None:
                self.scene["settings"] = settings
            self.timeline.add(message)
        elif kind == "changed":
            self.changes.append({name: message[name] for name in ("step", "setting", "value")})
            if self.scene is not None:
                self.scene["settings"][message["setting"]] = message["value"]
        elif kind == "state":
            self.step = message["step"]
            if message["state"] == "failed":
                self._fail(message["error"])
                return
            if message["heard"] < self._moved:
                return  # said before it heard the last command
            self.state = message["state"]
        self._inbox.append(message)

    def _fail(self, line: str) -> None:
        self.state, self.error = "failed", line
        self._inbox.append({"kind": "state", "state": "failed", "step": self.step, "error": line})


def _end(process: BaseProcess, connection: Connection) -> None:
    connection.close()
    process.kill()
    process.join()
    process.close()


def _work(connection: Connection, *given: Any) -> None:
    from lightning_gans.lab.worker import work  # torch comes with it: in the game's process alone

    work(connection, *given)
