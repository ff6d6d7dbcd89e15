"""A network as a list of blocks that one edits: the shape beside each, and what does not fit said where it is."""

import itertools
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from lightning_gans.blocks import LAYERS, Shape, blocks_of, settings_of
from lightning_gans.errors import ConfigError
from lightning_gans.lab.playground import KINDS, Blocks

_NEW: dict[str, Any] = {"features": 64, "depth": 16}  # of a block that is added, where a layer has no default


class BlocksForm:
    """The blocks of one network.

    Args:
        role: Of the network: generator, discriminator, encoder.
        on_change: Is told the new blocks, whether they fit or not.
    """

    def __init__(self, role: str, on_change: Callable[[Blocks], None]) -> None:
        self.role, self._on_change = role, on_change
        self.blocks: Blocks = []
        self.input_shape: Shape = (1,)
        self.output_shape: Shape | None = None
        with ui.element("fieldset").classes("lab-group lab-blocks"):
            ui.element("legend").props(f'innerHTML="{role.capitalize()}"')
            with ui.element("div").classes("lab-begin"):
                ui.label("Begin with")
                for kind in KINDS:
                    ui.button(kind, on_click=lambda kind=kind: self._begin(kind)).props("flat dense no-caps")
            self._given = ui.label().classes("lab-shape")
            self._rows = ui.element("ol").classes("lab-block-rows")
            self._last = ui.label().classes("lab-quiet")
            self._add = ui.select([*LAYERS], label="Add a block", on_change=self._append)
            self._add.props("outlined dense options-dense")
        self._shapes: list[ui.label] = []
        self._errors: list[ui.label] = []

    def show(self, blocks: Blocks, input_shape: Shape, output_shape: Shape | None) -> None:
        """Show blocks, with what goes into them and what must come out."""
        self.blocks, self.input_shape, self.output_shape = [dict(block) for block in blocks], input_shape, output_shape
        self._render()

    # What is shown.

    def _render(self) -> None:
        self._rows.clear()
        self._shapes, self._errors = [], []
        with self._rows:
            for number in range(len(self.blocks)):
                self._row(number)
        self._measure()

    def _row(self, number: int) -> None:
        block = self.blocks[number]
        with ui.element("li").classes("lab-block"):
            with ui.element("div").classes("lab-block-line"):
                layer = ui.select([*LAYERS], value=block["layer"]).props("outlined dense options-dense")
                layer.props(f'aria-label="Layer {number}"').on_value_change(
                    lambda event: self._replace(number, event.value)
                )
                for name, default in settings_of(block["layer"]).items():
                    self._setting(number, name, block.get(name, default))
                with ui.element("div").classes("lab-block-end"):
                    self._shapes.append(ui.label().classes("lab-shape"))
                    self._buttons(number, block["layer"])
            self._errors.append(ui.label().classes("lab-error").props('role="status"'))

    def _buttons(self, number: int, layer: str) -> None:
        for icon, title, way in (("arrow_upward", "Up", -1), ("arrow_downward", "Down", 1)):
            button = ui.button(icon=icon, on_click=lambda way=way: self._move(number, way))
            button.props(f'flat round dense size=sm aria-label="{title}: {layer}"')
            button.set_enabled(0 <= number + way < len(self.blocks))
        remove = ui.button(icon="close", on_click=lambda: self._remove(number))
        remove.props(f'flat round dense size=sm aria-label="Remove {layer}"')

    def _setting(self, number: int, name: str, value: Any) -> None:
        field: ValueElement[Any]
        if name == "shape":
            field = ui.input(name, value=", ".join(map(str, value or ()))).style("width: 7rem")
            field.on_value_change(lambda event: self._set(number, name, _sizes(event.value)))
        else:
            field = ui.number(name, value=value, step=0.1 if name == "slope" else 1).style("width: 4.6rem")
            field.on_value_change(lambda event: self._set(number, name, _number(event.value)))
        field.props("outlined dense hide-bottom-space")

    def _measure(self) -> None:
        """Say the shape after each block, or of the first that does not fit why."""
        shapes, (wrong, why) = measured(self.blocks, self.input_shape, self.output_shape)
        self._given.text = f"What goes in: {_said(self.input_shape)}"
        for number, (label, error) in enumerate(zip(self._shapes, self._errors, strict=True)):
            label.text = _said(shapes[number]) if number < len(shapes) else "-"
            error.text = why if number == wrong else ""
            error.set_visibility(number == wrong)
        self._last.text = why if wrong is not None and not self.blocks else _LAST[self.role]

    # What is changed.

    def _begin(self, kind: str) -> None:
        shape = self.output_shape or self.input_shape
        self.blocks = [dict(block) for block in KINDS[kind](self.role, shape)]
        self._changed()

    def _append(self) -> None:
        if self._add.value is not None:
            self.blocks.append(self._new(self._add.value))
            self._add.value = None
            self._changed()

    def _replace(self, number: int, layer: str) -> None:
        self.blocks[number] = self._new(layer)
        self._changed()

    def _move(self, number: int, way: int) -> None:
        self.blocks.insert(number + way, self.blocks.pop(number))
        self._changed()

    def _remove(self, number: int) -> None:
        del self.blocks[number]
        self._changed()

    def _set(self, number: int, name: str, value: Any) -> None:
        self.blocks[number] = {**self.blocks[number], name: value}
        self._measure()
        self._on_change(self.blocks)

    def _changed(self) -> None:
        self._render()
        self._on_change(self.blocks)

    def _new(self, layer: str) -> dict[str, Any]:
        missing = [name for name, default in settings_of(layer).items() if default is None]
        shape = list(self.output_shape or (64, 4, 4))
        return {"layer": layer} | {name: shape if name == "shape" else _NEW[name] for name in missing}


def measured(
    blocks: Blocks, input_shape: Shape, output_shape: Shape | None
) -> tuple[list[Shape], tuple[int | None, str]]:
    """The shape after each block, as far as they fit; and the number of the one that does not, and why.

    Example:
        >>> measured([{"layer": "flatten"}, {"layer": "max_pool"}], (1, 8, 8), None)
        ([(64,)], (1, 'takes maps (C, H, W), and is given (64,): reshape it first'))
    """
    shapes: list[Shape] = []
    for number in range(len(blocks)):
        try:
            shapes.append(blocks_of(blocks[: number + 1], input_shape)[-1].after)
        except ConfigError as error:
            return shapes, (number, error.hint)
    try:
        blocks_of(blocks, input_shape, output_shape)
    except ConfigError as error:
        return shapes, (max(0, len(blocks) - 1), error.hint)
    return shapes, (None, "")


_LAST = {
    "generator": "The last block makes the image.",
    "discriminator": "A linear layer to one number follows: how real.",
    "encoder": "A linear layer to the latents follows.",
}


def _said(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _number(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value


def _sizes(text: str) -> list[int]:
    parts = [part.strip() for part in (text or "").split(",")]
    return [int(part) for part in itertools.takewhile(str.isdigit, parts)]
