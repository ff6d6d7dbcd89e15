"""What the lab's pages share: its options, and the games that train, each for one page."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_gans.cli.commands import LabOptions
from lightning_gans.errors import ConfigError

if TYPE_CHECKING:
    from lightning_gans.lab.game import PlayedGame

GRACE = 10.0
"""Seconds that a page may be away, as when the line drops, before its games end."""
PATIENCE = GRACE + 2.0
"""Seconds to wait for a game to end: a page that is loaded anew still has its old one."""
_LOOK = 0.01  # seconds from one look for a frame to the next


@dataclass
class OpenGame:
    """A game of a page, and the stream of its frames."""

    game: "PlayedGame"
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """By which its page asks for its frames; nobody guesses that of another page."""
    said: list[str] = field(default_factory=list)
    """Lines for whoever plays: what was refused."""
    watcher: object = None
    """Who gets the frames: the last that asked."""

    async def news(self, watcher: object, scene_known: bool) -> dict[str, Any] | None:
        """What has happened since the last time, when something has; None when another watches now."""
        self.watcher = watcher
        while not (messages := self.game.poll()) and (scene_known or self.game.scene is None):
            await asyncio.sleep(_LOOK)
            if self.watcher is not watcher:
                return None
        self.said += [each["line"] for each in messages if each["kind"] == "refused"]
        return {
            "state": self.game.state,
            "error": self.game.error,
            "scene": None if scene_known else self.game.scene,
            "frames": [each for each in messages if each["kind"] == "frame"],
        }


class Lab:
    """The games that train now, and the checkpoints that one may start from.

    Args:
        options: Of the command.
    """

    def __init__(self, options: LabOptions) -> None:
        self.options = options
        self.games: dict[str, OpenGame] = {}
        """By their keys."""
        self._opening = 0

    async def open(self, words: Sequence[str], **settings: Any) -> OpenGame:
        """A game that waits to be played.

        Args:
            words: As of ``fit``'s command line.
            settings: Further ones of ``PlayedGame``.

        Raises:
            ConfigError: As many games train as may.
        """
        from lightning_gans.lab.game import PlayedGame

        patient_until = time.monotonic() + PATIENCE
        while (full := self._full()) and time.monotonic() < patient_until:
            await asyncio.sleep(_LOOK)
        if full:
            hint = "so many games train already; close another page, or start the lab with a larger number"
            raise ConfigError("--trainings", self.options.trainings, hint)
        self._opening += 1
        # In a thread: the process from which games are forked may be busy with its imports still.
        making = asyncio.ensure_future(asyncio.to_thread(PlayedGame, words, **settings))
        try:
            opened = OpenGame(await asyncio.shield(making))
        except asyncio.CancelledError:  # the page is gone; the thread is not
            making.add_done_callback(self._abandon)
            raise
        except BaseException:
            self._opening -= 1
            raise
        self._opening -= 1
        self.games[opened.key] = opened
        return opened

    def _abandon(self, making: "asyncio.Future[PlayedGame]") -> None:
        """End a game that nobody waits for any more."""
        self._opening -= 1
        if not making.cancelled() and making.exception() is None:  # Ctrl-C cancels it
            making.result().close()

    def _full(self) -> bool:
        playing = sum(each.game.state != "failed" for each in self.games.values())
        return playing + self._opening >= self.options.trainings

    def close(self, opened: OpenGame) -> None:
        """End a game and its process."""
        opened.watcher = None
        if self.games.pop(opened.key, None) is not None:
            opened.game.close()

    def close_all(self) -> None:
        """End all of them."""
        for opened in [*self.games.values()]:
            self.close(opened)

    def checkpoints(self) -> dict[str, Path]:
        """Those below the folders that were named, by their path from there; the newest first."""
        homes = [folder.resolve() for folder in self.options.checkpoint_folders]
        files = [(home, file) for home in homes for file in home.rglob("*.ckpt") if _within(file, home)]
        files.sort(key=lambda each: -each[1].stat().st_mtime)
        found: dict[str, Path] = {}
        for home, file in files:
            name = f"{home.name}/{file.relative_to(home).as_posix()}"
            found[str(file) if name in found else name] = file  # two folders may have the same name
        return found


def _within(file: Path, folder: Path) -> bool:
    """Whether it is a file, and lies in the folder itself: links may lead out of it, or nowhere."""
    return file.is_file() and file.resolve().is_relative_to(folder)


class GamePlace:
    """Where a page has one game: opening another ends it, also while it is being opened, and so does closing.

    Args:
        lab: Opens and closes games.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.opened: OpenGame | None = None
        self._turns = 0  # of opening and closing

    async def open(self, words: Sequence[str], **settings: Any) -> OpenGame | None:
        """As ``Lab.open``; None when another one was opened meanwhile, or the page is gone."""
        self.close()
        turn = self._turns
        opened = await self.lab.open(words, **settings)
        if turn != self._turns:
            self.lab.close(opened)
            return None
        self.opened = opened
        return opened

    def close(self) -> None:
        """End its game, if it has one."""
        self._turns += 1
        if self.opened is not None:
            self.lab.close(self.opened)
            self.opened = None
