"""The exercises of courses on generative models; all of it in ``exercises.yaml``, read without torch."""

import functools
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.lab.presets import Preset

_FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Exercise:
    """A question that can be answered by looking."""

    number: int
    title: str
    question: str
    look: str
    """What to do, and what to look at."""
    answer: str
    """Its claim is asserted by the test of this number."""
    source: str
    games: tuple[Preset, ...] = ()
    """To be watched; the first two beside each other, where there are several."""
    demonstration: str = ""
    """A function of ``demonstrations``, where there is more to compute than to watch."""

    @property
    def words(self) -> tuple[str, ...]:
        """Those of the first game."""
        return self.games[0].words if self.games else ()

    @property
    def parts(self) -> tuple[str, ...]:
        """What is shown of its games at first."""
        return self.games[0].parts if self.games else ()

    @property
    def commands(self) -> list[str]:
        """What prints the answer's numbers, as one types it."""
        script = "python -m lightning_gans.lab.demonstrations"
        own = [f"{script} {self.demonstration}"] if self.demonstration else []
        return [*(f"lightning_gans fit {shlex.join(game.words)}" for game in self.games), *own]


@functools.cache
def exercises() -> dict[int, Exercise]:
    """All, by number."""
    content = yaml.safe_load(_FILE.read_text())
    return {number: _exercise(number, **each) for number, each in enumerate(content, 1)}


def _exercise(
    number: int, games: dict[str, str] | None = None, settings: str = "", parts: tuple[str, ...] = (), **text: Any
) -> Exercise:
    """From the file: the words of a game by its title, and what all of them are set to."""
    played = [
        Preset(f"exercise {number}, game {index}", title, tuple(shlex.split(f"{words} {settings}")), parts=tuple(parts))
        for index, (title, words) in enumerate((games or {}).items(), 1)
    ]
    return Exercise(number, **text, games=tuple(played))
