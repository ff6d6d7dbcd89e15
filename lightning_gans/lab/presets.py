"""Games to begin with, and what they are made of; all of it in ``presets.yaml``."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.errors import ConfigError
from lightning_gans.lab.words import Words

_FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Preset:
    """A game to begin with."""

    name: str
    title: str
    words: tuple[str, ...]
    """As ``fit`` takes them."""
    parts: tuple[str, ...] = ()
    """What is shown of it at first, beside the points."""
    note: str = ""
    """What to look at."""
    second: tuple[str, ...] = ()
    """Words of a game beside it, if there is one."""
    checkpoint: Path | None = None
    """To begin with what was trained before."""
    titles: tuple[str, ...] = ()
    """Of its games, where there are two."""
    stop: int = 0
    """A step to play to; 0 for the last one."""
    page: str = ""
    """Address of the page that asks for it."""

    def __post_init__(self) -> None:
        for name in ("words", "parts", "second"):
            object.__setattr__(self, name, tuple(map(str, getattr(self, name))))
        if self.checkpoint is not None:
            object.__setattr__(self, "checkpoint", _FILE.parent / "assets" / self.checkpoint)


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text())
    return content


@functools.cache
def presets() -> dict[str, Preset]:
    """All, by name."""
    found = [each | {name: _flat(each.get(name, [])) for name in ("words", "second")} for each in _content()["presets"]]
    return {each["name"]: Preset(**each) for each in found}


def _flat(words: list[Any]) -> list[str]:
    """Words, which may stand in several lists, one a line."""
    return [each for word in words for each in (word if isinstance(word, list) else [word])]


def preset(name: str) -> Preset:
    """One of them.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in presets():
        raise ConfigError("preset", name, f"choose one of {', '.join(presets())}")
    return presets()[name]


@functools.cache
def recipes() -> dict[str, tuple[str, Words]]:
    """Title and words of the recipes that play on points, by name."""
    return {name: (each["title"], Words(tuple(each["words"]))) for name, each in _content()["recipes"].items()}


@functools.cache
def data_sets() -> dict[str, str]:
    """Titles of the data in the plane, by their configs."""
    return dict(_content()["data"])


def recipe_of(words: Words) -> str | None:
    """Name of the recipe that words begin with; the one of most words, where two fit."""
    fits = [
        (len(own.words), name)
        for name, (_, own) in recipes().items()
        if own.configs[0] in words.configs and words.value("model") == own.value("model")
    ]
    return max(fits)[1] if fits else None


def with_recipe(words: Words, name: str) -> Words:
    """The same data and settings, played by another recipe."""
    configs = {own.configs[0] for _, own in recipes().values()}
    new = recipes()[name][1]
    changed = words.with_config([each for each in words.configs if each in configs], new.configs[0])
    model = dict(zip(new.words[::2], new.words[1::2], strict=True)).get("--model")
    return changed.with_value("model", model)
