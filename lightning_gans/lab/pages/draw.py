"""A canvas, and beside it what a model makes of the drawing; or a line of text and sliders, and what comes of them."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import app, context, ui
from nicegui.events import GenericEventArguments

from lightning_gans.errors import ConfigError
from lightning_gans.lab.checkpoints import OUTLINES, Abilities, HeldModel, HeldModels
from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.newest import newest
from lightning_gans.lab.sessions import Lab
from lightning_gans.lab.sliders import slider

_SHIPPED = "Outline to emoji"
_LINE = 2 / 72  # width of OpenMoji's lines, as a share of the side
_BRUSH = 1 / 5


def build(lab: Lab) -> None:
    """Register the page."""
    held = HeldModels()
    app.on_shutdown(held.close)

    @ui.page("/draw")
    async def draw() -> None:
        with page_frame("Draw"):
            desk = _Desk(lab, held)
        context.client.on_delete(desk.leave)
        await context.client.connected()
        await desk.choose(_SHIPPED)


class Sketch(ui.element, component="../static/sketch.js"):
    """The canvas and what is made of it; see ``static/sketch.js``.

    Args:
        held: What makes it.
        abilities: Of that.
        direction: Of the translation.
        fail: Called with the line that says what was wrong, and with an empty one where nothing was.
    """

    def __init__(self, held: HeldModel, abilities: Abilities, direction: str, fail: Callable[[str], None]) -> None:
        super().__init__()
        self.held, self.abilities, self.direction, self.fail = held, abilities, direction, fail
        self.shipped, self.examples = held.checkpoint == OUTLINES, 0
        channels, height, width = abilities.sources[direction]
        share = _BRUSH if abilities.completes else _LINE
        self._props |= {
            "model": _SHIPPED if self.shipped else abilities.model,
            "height": height,
            "breadth": width,
            "line": share * max(height, width),
            "colors": channels == 3 and not self.shipped,
            "completes": abilities.completes,
            "free": abilities.scale > 1,
        }
        self.on("drawn", self._drawn, ["image", "mask"])
        self.on("example", self.show_example, [])
        self.on("refused", lambda: fail("this file is no image that the browser can read; choose another"), [])

    async def _drawn(self, event: GenericEventArguments) -> None:
        image, mask = event.args["image"], event.args["mask"]
        what: dict[str, Any] = {} if mask is None else {"mask": _from_url(mask)}
        made = await self._asked("translate", image=_from_url(image), direction=self.direction, **what)
        self.run_method("answer", made)

    async def show_example(self) -> None:
        """Take one in place of the drawing; each time another."""
        self.examples += 1
        url = await self._asked("example", seed=17 * self.examples, outline=self.shipped)
        self.run_method("answer" if url is None else "open", url)

    async def _asked(self, kind: str, **what: Any) -> str | None:
        """A picture as data URL; None where there is none, and a line says why."""
        try:
            url = _url(await self.held.request(kind, **what))
        except ConfigError as error:
            self.fail(str(error))
            return None
        self.fail("")
        return url


class _Desk:
    """What is chosen, and the place for what one does with it."""

    def __init__(self, lab: Lab, held: HeldModels) -> None:
        self.checkpoints = {_SHIPPED: OUTLINES} | {name: str(file) for name, file in lab.checkpoints().items()}
        self.models, self.model = held, None
        chosen = ui.select([*self.checkpoints], value=_SHIPPED, label="Model").props("outlined dense options-dense")
        chosen.on_value_change(lambda event: self.choose(event.value)).style("max-width: 26rem")
        self.message = ui.label().classes("lab-error").props('role="status"')
        self.place = ui.element("div").style("width: 100%; margin-top: 0.75rem")

    model: HeldModel | None

    async def choose(self, name: str) -> None:
        """Hold another model, and show what it can be asked for."""
        self.leave()
        self.place.clear()
        self.fail("")
        with self.place:
            waiting = ui.label("Opening the model ...").classes("lab-quiet")
        try:
            self.model = model = self.models.take(self.checkpoints[name])
            abilities = await model.abilities()
        except ConfigError as error:
            self.fail(str(error))
            waiting.delete()
            return
        if self.model is not model:
            return  # another was chosen meanwhile
        self.place.clear()
        with self.place:
            if abilities.sources:
                await self._drawing(model, abilities, next(iter(abilities.sources)))
            else:
                await self._sampling(model, abilities)

    def leave(self) -> None:
        """Need the model no longer."""
        if self.model is not None:
            self.models.give_back(self.model)
            self.model = None

    def fail(self, line: str) -> None:
        """Say what is wrong; nothing any more with an empty line."""
        self.message.text = line

    async def _drawing(self, model: HeldModel, abilities: Abilities, direction: str) -> None:
        if len(abilities.sources) > 1:
            ways = ui.toggle([*abilities.sources], value=direction).props('no-caps aria-label="Direction"')
        place = ui.element("div")

        async def turn(way: str) -> None:
            place.clear()
            with place:
                sketch = Sketch(model, abilities, way, self.fail)
            await sketch.show_example()

        if len(abilities.sources) > 1:
            ways.on_value_change(lambda event: turn(event.value))
        await turn(direction)

    async def _sampling(self, model: HeldModel, abilities: Abilities) -> None:
        what: dict[str, Any] = {"seed": 0}
        picture = ui.element("img").props(f'alt="Samples of {abilities.model}"').classes("lab-samples")
        picture.style(
            "width: 100%; max-width: 60rem; image-rendering: pixelated; display: block; margin-bottom: 0.75rem"
        )

        async def make() -> None:
            try:
                picture.props["src"] = _url(await model.request("sample", **what))
                self.fail("")
            except ConfigError as error:
                self.fail(str(error))

        renew = newest(make)

        async def change(name: str, value: Any) -> None:
            what[name] = value
            await renew()

        with ui.row().classes("items-center"):
            _controls(abilities, change)
        await renew()


def _controls(abilities: Abilities, change: Callable[[str, Any], Awaitable[None]]) -> None:
    """What a model that generates from latents can be told; a change is handed on with its name."""
    seed = ui.number("Seed", value=0, min=0, precision=0).props("outlined dense").style("width: 6rem")
    seed.on_value_change(lambda event: change("seed", int(event.value or 0)))
    ui.button("Others", icon="casino", on_click=lambda: seed.set_value(int(seed.value or 0) + 1)).props("no-caps flat")
    if abilities.text:
        line = ui.input("Sentence", placeholder="a red heart").props("outlined dense debounce=300 clearable")
        line.style("width: 20rem").on_value_change(lambda event: change("text", event.value or None))
    if abilities.classes is not None:
        names = {None: "all classes"} | {number: str(number) for number in range(abilities.classes)}
        label = ui.select(names, value=None, label="Class").props("outlined dense").style("width: 8rem")
        label.on_value_change(lambda event: change("label", event.value))
    if abilities.styles is None:
        _slider("Bound of the latents", 0.1, 3, 3, lambda value: change("bound", value if value < 3 else None))
        return
    _slider("psi", 0, 1.2, 1, lambda value: change("psi", value))
    most = abilities.styles
    _slider("Layers mixed", 0, most, 0, lambda value: change("mixing", int(value) or None), step=1)


def _slider(
    name: str, low: float, high: float, value: float, change: Callable[[float], Awaitable[None]], step: float = 0.05
) -> None:
    with ui.column().style("gap: 0; width: 12rem"):
        label = ui.label(f"{name}: {value:g}")

        async def moved(at: float) -> None:
            label.text = f"{name}: {at:g}"
            await change(at)

        slider(name, low, high, value, moved, step)


def _url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _from_url(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])
