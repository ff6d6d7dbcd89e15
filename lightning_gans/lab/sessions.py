"""What the lab's pages share: its options, and the games that train, each for one page."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_gans.cli.commands import LabOptions
from lightning_gans.errors import ConfigError

if TYPE_CHECKING:
    from lightning_gans.lab.game import PlayedGame


class Lab:
    """The games that train now, and the checkpoints that one may start from.

    Args:
        options: Of the command.
    """

    def __init__(self, options: LabOptions) -> None:
        self.options = options
        self._games: dict[str, PlayedGame] = {}

    def open(self, words: Sequence[str], **settings: Any) -> "tuple[str, PlayedGame]":
        """A game, and the key by which its page asks for its frames; nobody guesses that of another page.

        Args:
            words: As of ``fit``'s command line.
            settings: Further ones of ``PlayedGame``.

        Raises:
            ConfigError: As many games train as may.
        """
        from lightning_gans.lab.game import PlayedGame

        if len(self._games) >= self.options.trainings:
            hint = "as many games train already; close one (or its page), or start the lab with a larger number"
            raise ConfigError("--trainings", self.options.trainings, hint)
        key = secrets.token_urlsafe(16)
        self._games[key] = PlayedGame(words, **settings)
        return key, self._games[key]

    def game(self, key: str) -> "PlayedGame | None":
        """The game of a key, while it is open."""
        return self._games.get(key)

    def close(self, key: str) -> None:
        """End a game and its process."""
        if (game := self._games.pop(key, None)) is not None:
            game.close()

    def close_all(self) -> None:
        """End all of them."""
        for key in [*self._games]:
            self.close(key)

    def checkpoints(self) -> dict[str, Path]:
        """Those below the folders that were named, by their path from there; the newest first."""
        found = [(Path(folder), file) for folder in self.options.checkpoints for file in Path(folder).rglob("*.ckpt")]
        found.sort(key=lambda each: -each[1].stat().st_mtime)
        return {f"{folder.name}/{file.relative_to(folder).as_posix()}": file for folder, file in found}
