"""The exercises of courses on generative models; all of it in ``exercises.yaml``, read without torch."""

import functools
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.errors import ConfigError
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
    games: dict[str, tuple[str, ...]]
    """To be watched: words of ``fit``, by title."""
    parts: tuple[str, ...] = ()
    """What is shown of them at first, beside the points."""
    stop: int = 0
    """A step to play to at first."""
    demonstration: str = ""
    """A function of ``demonstrations``, where there is more to compute than to watch."""

    def preset(self, beside: int = 2) -> Preset:
        """Its first game, and the one of a number beside it, if it has so many.

        Raises:
            ConfigError: It has no games: it is computed, not played.
        """
        if not self.games:
            raise ConfigError("exercise", self.number, "is computed, not played; its page shows it")
        (title, first), *others = self.games.items()
        other, second = others[beside - 2] if 2 <= beside <= len(self.games) else ("", ())
        return Preset(
            f"exercise {self.number}",
            self.title,
            first,
            self.parts,
            f"{self.question} {self.look}",
            second,
            titles=(title, other),
            stop=self.stop,
            page=f"/exercises#exercise-{self.number}",
        )

    @property
    def commands(self) -> list[str]:
        """What plays and computes it outside of the lab, as one types it."""
        script = f"python -m lightning_gans.lab.demonstrations {self.demonstration}"
        return [
            *(f"lightning_gans fit {shlex.join(words)}" for words in self.games.values()),
            *([script] if self.demonstration else []),
        ]


@functools.cache
def exercises() -> dict[int, Exercise]:
    """All, by number."""
    return {number: _exercise(number, **each) for number, each in enumerate(yaml.safe_load(_FILE.read_text()), 1)}


def exercise(number: int) -> Exercise:
    """One of them.

    Raises:
        ConfigError: There is none of this number.
    """
    if number not in exercises():
        raise ConfigError("exercise", number, f"choose one from 1 to {len(exercises())}")
    return exercises()[number]


def _exercise(
    number: int, games: dict[str, str] | None = None, settings: str = "", parts: tuple[str, ...] = (), **text: Any
) -> Exercise:
    """From the file: the words of each game, and after them the settings that all share."""
    words = {title: tuple(shlex.split(f"{own} {settings}")) for title, own in (games or {}).items()}
    return Exercise(number, **text, games=words, parts=tuple(parts))


def computed(demonstration: str) -> tuple[dict[str, float], bytes]:
    """A demonstration's numbers, and its picture as PNG; to be called in a process that may import torch."""
    import io

    from lightning_gans.lab.demonstrations import DEMONSTRATIONS

    shown = DEMONSTRATIONS[demonstration]()
    shown.picture.save(file := io.BytesIO(), "PNG")
    return shown.numbers, file.getvalue()
