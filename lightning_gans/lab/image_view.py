"""A game on images as the browser shows it: samples and what D says of them, and the losses."""

from pathlib import Path

from nicegui.element import Element

PARTS = {
    "samples": "Samples",
    "verdicts": "What D says",
    "rebuilt": "Reconstructions",
    "visuals": "What else the model shows",
    "average": "By averaged weights",
}
"""What can be shown, by name; see ``pictures.PARTS``."""


class ImageView(Element, component=Path(__file__).parent / "static" / "gallery.js"):
    """One game: it gets its frames by itself, from the stream of the game's key."""

    def __init__(self) -> None:
        super().__init__()
        self.props.update(source="", batch=0)

    def watch(self, key: str | None, batch: int = 0) -> None:
        """Show the game of a key, which sees so many images a step; None for none."""
        self.props.update(source=f"/frames/{key}" if key else "", batch=batch)
