"""The settings of a game in the plane as fields; what is changed goes into the words of ``fit``."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from lightning_gans.cli.configs import shipped_configs
from lightning_gans.errors import ConfigError
from lightning_gans.lab.presets import data_sets, recipe_of, recipes, with_recipe
from lightning_gans.lab.words import Words

OPTIMIZERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad")
ACTIVATIONS = ("ReLU", "LeakyReLU", "Tanh", "Sigmoid", "ELU", "SiLU", "Softplus")
_FIELD = "outlined dense hide-bottom-space"


class SettingsForm:
    """Fields of a game's settings; an empty one leaves the variant its own.

    Args:
        on_change: Is told the new words.
    """

    def __init__(self, on_change: Callable[[Words], None]) -> None:
        self.words = Words(())
        self._on_change = on_change
        self._fields: list[tuple[ValueElement[Any], Callable[[Words], Any]]] = []
        self._showing = False
        self._build()

    def show(self, words: Words) -> None:
        """Show the settings of a game."""
        self.words, self._showing = words, True
        try:
            for field, read in self._fields:
                value = read(words)
                if isinstance(field, ui.select) and value not in field.options:
                    value = None
                field.value = value
        finally:
            self._showing = False

    def _build(self) -> None:
        with _group("Data and recipe"):
            self._choice("Data", data_sets(), self._data_of, self._with_data)
            self._choice("Recipe", {name: title for name, (title, _) in recipes().items()}, recipe_of, with_recipe)
            self._number("Batch size", "data.batch_size", least=1)
            self._number("Steps in all", "trainer.max_steps", least=1)
        for player in ("generator", "discriminator"):
            with _group(f"{player.capitalize()}"):
                self._layers("Hidden layers, as 64, 64", f"model.{player}.hidden_dims")
                self._setting("Activation", f"model.{player}.activation", ACTIVATIONS)
                self._setting("Optimizer", f"model.optimization.{player}", OPTIMIZERS)
                self._number("Learning rate", f"model.optimization.{player}.lr", step="any")
                count = "n_generator" if player == "generator" else "n_critic"
                self._number("Updates in a turn", f"model.optimization.{count}", least=1)
        with _group("Regularizers"):
            for name, what in regularizers().items():
                self._overlay(name, what)
        with _group("Noise"):
            self._number("Latent numbers", "model.latent_dim", least=1)
            self._setting("Distribution", "model.prior", ("Normal", "Uniform"))
        with _group("The command"):
            self._command()

    # One function for each kind of field.

    def _choice(
        self, label: str, options: Any, read: Callable[[Words], Any], write: Callable[[Words, Any], Words]
    ) -> None:
        field = ui.select(options, label=label, on_change=lambda event: self._write(write, event.value))
        self._add(field, read)

    def _setting(self, label: str, setting: str, options: tuple[str, ...]) -> None:
        self._choice(
            label, [*options], lambda words: words.value(setting), lambda words, value: words.with_value(setting, value)
        )

    def _number(self, label: str, setting: str, least: float = 0, step: str = "1") -> None:
        field = ui.number(
            label, min=least, on_change=lambda event: self._write(_number_into(setting, least, step), event.value)
        )
        field.props(f"step={step}")
        self._add(field, lambda words: words.value(setting))

    def _layers(self, label: str, setting: str) -> None:
        def write(words: Words, text: Any) -> Words:
            try:
                sizes = [
                    int(part) for part in str(text or "").replace("[", "").replace("]", "").split(",") if part.strip()
                ]
            except ValueError:
                return words
            if not sizes:
                return words.with_value(setting, None)
            return words.with_value(setting, sizes) if all(size > 0 for size in sizes) else words

        def read(words: Words) -> str:
            sizes = words.value(setting)
            return ", ".join(map(str, sizes)) if isinstance(sizes, list) else ""

        field = ui.input(label, validation={"Sizes with commas between": _are_sizes})
        field.on_value_change(lambda event: self._write(write, event.value))
        self._add(field, read)

    def _overlay(self, name: str, what: str) -> None:
        def write(words: Words, on: Any) -> Words:
            return words.with_config([name], name if on else None)

        box = ui.checkbox(what, on_change=lambda event: self._write(write, event.value)).props("dense")
        self._fields.append((box, lambda words: name in words.configs))

    def _command(self) -> None:
        """All of it as text, where anything else can be written too."""
        field = ui.textarea("What fit is given").props("outlined autogrow").classes("lab-command")
        self._fields.append((field, lambda words: words.command))

        def take() -> None:
            try:
                words = Words.of_command(field.value or "")
            except ConfigError as error:
                ui.notify(str(error), type="negative")
                return
            self.show(words)
            self._on_change(words)

        ui.button("Use this command", on_click=take).props("outline")

    def _add(self, field: ValueElement[Any], read: Callable[[Words], Any]) -> None:
        field.props(_FIELD)
        self._fields.append((field, read))

    def _write(self, write: Callable[[Words, Any], Words], value: Any) -> None:
        if not self._showing and (words := write(self.words, value)) != self.words:
            self.show(words)  # a recipe brings other settings with it
            self._on_change(words)

    @staticmethod
    def _data_of(words: Words) -> str | None:
        return next((name for name in reversed(words.configs) if name in data_sets()), None)

    @staticmethod
    def _with_data(words: Words, name: str) -> Words:
        changed = words.with_config([each for each in words.configs if each in data_sets()], name)
        return changed if name == "data/points" else changed.with_value("data.points", None)


def regularizers() -> dict[str, str]:
    """Configs that are given after a recipe and play on points: what they do, by name."""
    found = {}
    for name, file in shipped_configs().items():
        if name.startswith(("regularizers/", "optimization/")) or name == "augment/instance_noise":
            found[name] = file.read_text().partition("\n")[0].lstrip("# ").partition(",")[0].partition(". ")[0]
    return found


def _number_into(setting: str, least: float, step: str) -> Callable[[Words, Any], Words]:
    def write(words: Words, value: Any) -> Words:
        if value is None:
            return words.with_value(setting, None)
        if value < least:
            return words
        return words.with_value(setting, json.dumps(value if step == "any" else int(value)))

    return write


def _are_sizes(text: str | None) -> bool:
    return all(part.strip().isdigit() and int(part) > 0 for part in (text or "").split(",") if part.strip())


@contextmanager
def _group(title: str) -> Iterator[None]:
    with ui.element("fieldset").classes("lab-group"):
        ui.element("legend").props(f'innerHTML="{title}"')
        yield
