"""A slider of the browser's own: Quasar's gives its role to an element that cannot be focused."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

_EVERY = 0.05  # seconds, at least, from one place of a moving slider to the next


def slider(
    name: str, low: float, high: float, value: float, on_move: Callable[[float], Any], step: float = 0.05
) -> None:
    """A number from low to high; each place where it is moved to is told."""
    field = ui.element("input").props(f'type=range min={low} max={high} step={step} value={value} aria-label="{name}"')
    field.style("width: 100%; accent-color: var(--lab-accent)")
    told = "(e) => emit(Number(e.target.value))"
    field.on("input", lambda event: on_move(event.args), js_handler=told, throttle=_EVERY)
