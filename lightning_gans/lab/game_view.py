"""A game as the browser shows it: the plane, its numbers and its curves."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nicegui.element import Element

STATIC = Path(__file__).parent / "static"

SHOWN = {
    "real": "Real points",
    "fake": "Generated points",
    "surface": "What D says",
    "grid": "G's bent grid",
    "pull": "Pull on generated points",
    "transport": "Cheapest transport to real points",
    "modes": "Centers of modes",
}
"""What can be shown in the plane, by name."""
CHARTS = {"losses": "Losses", "kl": "KL", "js": "JS", "w1": "W1", "modes": "Modes found"}
"""The curves below it."""


class GameView(Element, component=STATIC / "plane.js"):
    """One game: it gets its frames by itself, from the stream of the game's key.

    Args:
        label: What it is called.
        on_points: Is told the points (N, 2) that were drawn in it.
        on_done: Is called when they are to be played on.
    """

    def __init__(self, label: str, on_points: Callable[[list[list[float]]], None], on_done: Callable[[], Any]) -> None:
        super().__init__()
        self.props.update(label=label, parts=[], charts=[], source="", window=[0, 0, 2])
        self.props.update(drawing=False, most=200, refused=False)
        self.on("points", lambda event: on_points(event.args))
        self.on("done", on_done)

    def watch(self, key: str | None) -> None:
        """Show the game of a key; None for none."""
        self.props.update(source=f"/frames/{key}" if key else "")

    def show(self, parts: Sequence[str], charts: Sequence[str]) -> None:
        """Say what is shown in the plane, and which curves."""
        self.props.update(parts=[*parts], charts=[*charts])

    def refuse(self, refused: bool) -> None:
        """Whether no game will come: nobody need wait for it."""
        self.props.update(refused=refused)

    def draw_points(self, drawing: bool) -> None:
        """Whether the mouse draws points."""
        self.props.update(drawing=drawing)

    def look_back(self, frame: dict[str, Any] | None) -> None:
        """Show a frame of the past, or with None what is now."""
        self.run_method("show", frame)
