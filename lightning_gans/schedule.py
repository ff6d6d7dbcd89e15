"""Numbers that change in the course of a run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning_gans.errors import ConfigError


@dataclass(frozen=True)
class Clock:
    """Where a run is, as losses, regularizers and augmentations see it."""

    step: int = 0
    """Steps done before this one."""
    updates: int = 0
    """Updates that the player who is about to be updated has had before."""
    progress: float = 0.0
    """Share of the run, or of the present phase, that is done, in [0, 1]."""
    images: int = 0
    """Real images that all processes together have been shown in the steps before."""
    batch_size: int = 0
    """Images of this step, of all processes together."""


@dataclass(frozen=True)
class Ramp:
    """A number that goes from one value to another in the course of the run; a function of the step alone.

    Args:
        start: Value until ``begin``.
        end: Value from ``until`` on.
        begin: Share of the run, or of the player's phase, after which it begins to change.
        until: Share after which it changes no more.
        cosine: Whether it follows half a cosine instead of a straight line.

    Raises:
        ConfigError: ``begin`` and ``until`` are no shares in this order.

    Example:
        >>> [Ramp(1.0, 0.0, begin=0.5).at(progress) for progress in (0.0, 0.5, 0.75, 1.0)]
        [1.0, 1.0, 0.5, 0.0]
    """

    start: float
    end: float
    begin: float = 0.0
    until: float = 1.0
    cosine: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.until <= 1:
            raise ConfigError("ramp.begin", self.begin, f"must lie in [0, until={self.until!r}), shares of the run")

    def at(self, progress: float) -> float:
        """The value at a share of the run."""
        t = min(max((progress - self.begin) / (self.until - self.begin), 0.0), 1.0)
        if self.cosine:
            t = (1 - math.cos(math.pi * t)) / 2
        return self.start + (self.end - self.start) * t


def ramped(number: float | Ramp | Mapping[str, Any]) -> float | Ramp:
    """A number, or a ramp, which may be plain data: as checkpoints have it."""
    return Ramp(**number) if isinstance(number, Mapping) else number


def smallest(number: float | Ramp) -> float:
    """The smallest that a number becomes."""
    return min(number.start, number.end) if isinstance(number, Ramp) else number


def value_at(number: float | Ramp, clock: Clock) -> float:
    """A number that may change, as it is now."""
    return number.at(clock.progress) if isinstance(number, Ramp) else number
