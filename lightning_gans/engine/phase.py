"""Phases of a run: who plays when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lightning_gans.errors import ConfigError


@dataclass(frozen=True)
class Phase:
    """A part of a run in which players play that do not in others.

    Args:
        name: What players refer to.
        share: How much of the run it lasts, beside the shares of the others.
        steps: How many steps it lasts; instead of a share.

    Raises:
        ConfigError: It lasts no time, or both a share and steps are given.
    """

    name: str
    share: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.steps is None):
            hint = "give its share of the run, or its steps"
            raise ConfigError(f"phases.{self.name}", (self.share, self.steps), hint)
        length = self.steps if self.share is None else self.share
        if length is None or not length > 0:
            raise ConfigError(f"phases.{self.name}", length, "must last longer than nothing")


class Timeline:
    """Where in a run its phases, objects or plain data, begin and end; one without phases lasts all the time."""

    def __init__(self, specs: Sequence[Phase | Mapping[str, Any]]) -> None:
        self.phases = [spec if isinstance(spec, Phase) else Phase(**spec) for spec in specs]
        self.horizon = float("inf")  # length of the run in steps, infinite as long as it is not known
        # Where phases end but for the last. Kept in checkpoints: a longer run does not fall back into an earlier phase.
        self.boundaries: list[int] | None = None
        names = [phase.name for phase in self.phases]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("phases", name, "two of them have this name")

    def settle(self, horizon: float) -> None:
        """Take the length of the run; boundaries that are known already stay."""
        self.horizon = horizon
        if self.phases and (self.boundaries is None or len(self.boundaries) != len(self.phases) - 1):
            self.boundaries = boundaries(self.phases, horizon)

    def phase_at(self, step: int) -> Phase | None:
        """The phase that a step belongs to; None for a run without phases."""
        return self.phases[sum(step >= end for end in self.boundaries or ())] if self.phases else None

    def span(self, phase: str | None) -> tuple[int, float]:
        """The steps at which a phase, or the run, begins and ends."""
        if phase is None or self.boundaries is None:
            return 0, self.horizon
        number = [each.name for each in self.phases].index(phase)
        return [0, *self.boundaries][number], [*self.boundaries, self.horizon][number]


def boundaries(phases: Sequence[Phase], horizon: float) -> list[int]:
    """The steps at which the phases end but for the last, which lasts as long as the run: ``horizon`` steps.

    Raises:
        ConfigError: Shares of a run whose length is not known, but infinite.

    Example:
        >>> boundaries([Phase("pretrain", 0.4), Phase("gan", 0.6)], 100)
        [40]
        >>> boundaries([Phase("pretrain", steps=7), Phase("gan", 1.0)], 100)
        [7]
    """
    total = sum(phase.share or 0.0 for phase in phases)
    spare = max(horizon - sum(phase.steps or 0 for phase in phases), 0)
    ends, end = [], 0.0
    for phase in phases[:-1]:
        if phase.steps is None and horizon == float("inf"):
            hint = "a share of a run without an end; set trainer.max_steps, or give the phase's steps"
            raise ConfigError(f"phases.{phase.name}", phase.share, hint)
        end += phase.steps if phase.steps is not None else spare * (phase.share or 0.0) / total
        ends.append(round(end))
    return ends
