"""One of the games that a page has: its description, its process while it is open, and its view."""

from collections.abc import Callable
from pathlib import Path

from nicegui import ui

from lightning_gans.errors import ConfigError
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.game_view import CHARTS, SHOWN, GameView
from lightning_gans.lab.sessions import GamePlace, Lab, OpenGame
from lightning_gans.lab.words import Words

DRAWN = "data/points"
MOST_POINTS = 200
_OF_VIEW = {"real", "modes"}  # drawn from the scene: the game need not make them
_MEASURED = {"kl", "js", "w1", "modes"}


class Seat:
    """A game of the page.

    Args:
        lab: Opens and closes it.
        name: What it is called.
        words: What is played.
        seed: Of its randomness.
        on_drawn: Is called when its points are drawn: its words are others then.
    """

    def __init__(self, lab: Lab, name: str, words: Words, seed: int, on_drawn: Callable[[], None]) -> None:
        self.place, self.name, self.words, self.seed = GamePlace(lab), name, words, seed
        self._on_drawn = on_drawn
        self.checkpoint: Path | None = None
        self.parts: list[str] = [*SHOWN]
        self.charts: list[str] = [*CHARTS]
        with ui.element("div").classes("lab-seat"):
            self.title = ui.label(name).classes("lab-game-title").props('role="heading" aria-level="2"')
            self.error = ui.label().classes("lab-error").props('role="alert"')
            self.view = GameView(name, self._drew, self.begin)

    @property
    def opened(self) -> OpenGame | None:
        """Its process, while it is open."""
        return self.place.opened

    @property
    def game(self) -> PlayedGame | None:
        """The game while it is open."""
        return self.opened.game if self.opened else None

    @property
    def drawing(self) -> bool:
        """Whether its points are to be drawn yet."""
        return DRAWN in self.words.configs and not self.words.value("data.points")

    async def begin(self) -> None:
        """Set the game up anew, standing still at its beginning; not without points that are to be drawn."""
        if self.drawing:
            return
        self.close()
        # A checkpoint goes on with the randomness that it was saved with.
        words = self.words if self.checkpoint else self.words.with_value("seed_everything", self.seed)
        made = [part for part in self.parts if part not in _OF_VIEW]
        made += ["measures"] if _MEASURED.intersection(self.charts) else []
        try:
            opened = await self.place.open(words.words, parts=made, checkpoint=self.checkpoint)
        except ConfigError as error:
            self.refuse(str(error))
            return
        if opened is None:
            return
        self.view.draw_points(False)
        self.view.watch(opened.key)
        self.show(self.parts, self.charts)

    def show(self, parts: list[str], charts: list[str]) -> None:
        """Say what is shown of it."""
        self.parts, self.charts = parts, charts
        self.view.show(parts, charts)
        if self.game is not None:
            made = [part for part in parts if part not in _OF_VIEW]
            self.game.show([*made, "measures"] if _MEASURED.intersection(charts) else made)

    def refuse(self, line: str) -> None:
        """Say why there is no game; with an empty line, nothing."""
        self.error.text = line
        self.view.refuse(bool(line))

    def close(self) -> None:
        """End the game."""
        self.refuse("")
        self.place.close()
        self.view.watch(None)

    def draw_points(self) -> None:
        """Have its points drawn by hand."""
        self.close()
        self.view.draw_points(True)

    def _drew(self, points: list[list[float]]) -> None:
        self.words = self.words.with_value("data.points", points[:MOST_POINTS] or None)
        self._on_drawn()
