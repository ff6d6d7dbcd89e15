"""What one can ask a game on images for: a latent's numbers on sliders, a walk, classes, reconstructions."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import ui

from lightning_gans.errors import ConfigError
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.newest import newest
from lightning_gans.lab.sliders import slider

_SLIDERS = 8  # numbers of a latent at once
_WALK, _CLASS, _REBUILT = 16, 16, 8
_FAR = 3.0  # of a number


class Explorer:
    """Asks the game of a page, whether it plays or stands still.

    Args:
        average: Says whether averaged weights generate.
    """

    def __init__(self, average: Callable[[], bool]) -> None:
        self._average = average
        self.game: PlayedGame | None = None
        self._z: list[float] = []
        self._first = self._index = self._walks = self._start = 0
        self._label: int | None = None
        self._draw = newest(self._draw_latent)
        self.place = ui.element("div").classes("lab-explore")
        self.error = ui.label().classes("lab-error").props('role="status"')

    def show(self, game: PlayedGame | None) -> None:
        """Take another game, whose scene is known; None for none."""
        self.game = game
        self.place.clear()
        scene = {} if game is None else game.scene or {}
        if scene.get("latent_dim") is None:
            return
        self._z, self._first, self._index, self._label = [], 0, 0, None
        with self.place:
            self._build_latent(scene["latent_dim"])
            if scene["num_classes"] is not None:
                self._build_classes(scene["num_classes"])
            self._build_walk()
            if scene["encodes"]:
                self._build_rebuilt()
        ui.timer(0, self._another, once=True)

    async def follow(self) -> None:
        """Show what the latent has become; nothing more often than it can be drawn."""
        if self._z:
            await self._draw()

    # A latent.

    def _build_latent(self, size: int) -> None:
        with _section("A latent, number by number"), ui.element("div").classes("lab-latent"):
            with ui.element("div"):
                self._image = ui.element("img").classes("lab-large").props('alt="Image of the latent"')
                self._verdict = ui.label().classes("lab-quiet")
            with ui.element("div"):
                with ui.row().classes("items-center"):
                    ui.button("Another", icon="casino", on_click=self._another).props("outline no-caps dense")
                    if size > _SLIDERS:
                        ranges = {n: f"{n + 1} to {min(n + _SLIDERS, size)}" for n in range(0, size, _SLIDERS)}
                        numbers = ui.select(ranges, value=0, label="Numbers", on_change=lambda e: self._page(e.value))
                        numbers.props("outlined dense options-dense").style("width: 8rem")
                self._sliders = ui.element("div").classes("lab-sliders")

    async def _another(self) -> None:
        found = await self._ask("latent", seed=1, index=self._index)
        self._index += 1
        if found is not None:
            self._z = found["z"]
            self._fill()
            await self._draw()

    def _page(self, first: int) -> None:
        self._first = first
        self._fill()

    def _fill(self) -> None:
        self._sliders.clear()
        with self._sliders:
            for number in range(self._first, min(self._first + _SLIDERS, len(self._z))):
                value = max(-_FAR, min(_FAR, self._z[number]))
                name = f"Number {number + 1} of the latent"
                slider(name, -_FAR, _FAR, value, partial(self._move, number))

    async def _move(self, number: int, value: float) -> None:
        self._z[number] = value
        await self._draw()

    async def _draw_latent(self) -> None:
        found = await self._ask("images", z=[self._z], label=self._label, average=self._average())
        if found is not None:
            self._image.props["src"] = found["samples"][0]
            verdicts = found.get("verdicts")
            self._verdict.text = f"D: {verdicts[0]:.0f}%" if verdicts else ""

    # What comes in rows.

    def _build_classes(self, count: int) -> None:
        with _section("Classes"):
            with ui.row().classes("items-center").style("gap: .25rem"):
                ui.button("all", on_click=lambda: self._of_class(None)).props("outline dense no-caps")
                for label in range(count):
                    ui.button(str(label), on_click=lambda label=label: self._of_class(label)).props("outline dense")
            self._of_classes = _Row()

    async def _of_class(self, label: int | None) -> None:
        self._label = label
        since = time.perf_counter()
        found = await self._ask("samples", n=_CLASS, label=label, average=self._average())
        if found is not None:
            spent = 1000 * (time.perf_counter() - since)
            self._of_classes.show(found["samples"], f"{_CLASS} images in {spent:.0f} ms")
            await self._draw()

    def _build_walk(self) -> None:
        with _section("A walk from latent to latent"):
            ui.button("Walk", icon="directions_walk", on_click=self._walk).props("outline dense no-caps")
            self._walked = _Row()

    async def _walk(self) -> None:
        found = await self._ask("walk", steps=_WALK, seed=self._walks)
        self._walks += 1
        if found is not None:
            self._walked.show(found["samples"])

    def _build_rebuilt(self) -> None:
        with _section("Encoded, and made again"):
            ui.button("Others", icon="casino", on_click=self._rebuild).props("outline dense no-caps")
            self._originals, self._rebuilt = _Row(), _Row()

    async def _rebuild(self) -> None:
        found = await self._ask("rebuild", start=self._start, n=_REBUILT, average=self._average())
        self._start = (self._start + _REBUILT) % 64
        if found is not None:
            self._originals.show(found["originals"])
            self._rebuilt.show(found["rebuilt"])

    async def _ask(self, kind: str, **what: Any) -> dict[str, Any] | None:
        """An answer; None where there is none, and a line says why."""
        if (game := self.game) is None:
            return None
        try:
            found = await game.request(kind, **what)
        except ConfigError as error:
            self.error.text = error.hint
            return None
        self.error.text = ""
        return found if game is self.game else None  # another game may have begun meanwhile


class _Row:
    """Images beside each other, and a line below."""

    def __init__(self) -> None:
        self._place, self._line = ui.element("div").classes("lab-tiles"), ui.label().classes("lab-quiet")

    def show(self, urls: Sequence[str], line: str = "") -> None:
        self._place.clear()
        self._line.text = line
        with self._place:
            for number, url in enumerate(urls):
                ui.element("img").props["src"] = url
                self._place.default_slot.children[-1].props(f'alt="Image {number + 1}"')


def _section(title: str) -> Any:
    section = ui.element("section").classes("lab-panel")
    with section:
        ui.label(title).classes("lab-heading").props('role="heading" aria-level="2"')
    return section
