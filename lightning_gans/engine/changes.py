"""Settings of a game that may change between two steps: rates, who plays how often, and weights of the losses."""

import math
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

from lightning_gans.engine.constructors import constructor_types
from lightning_gans.engine.player import Player
from lightning_gans.engine.roster import Roster
from lightning_gans.errors import ConfigError
from lightning_gans.regularizers import Regularizer

_COUNTS = ("updates", "interval")


class Change(NamedTuple):
    """A setting that has another value from a step on."""

    step: int
    """Steps that are done before it."""
    setting: str
    value: float | bool


class Settings:
    """What can be changed between two steps of a game that is being trained.

    ``<player>.lr``, ``<player>.updates``, ``<player>.interval``, ``<player>.plays`` (false: it stands still), the
    weight of a regularizer as ``<regularizer>.weight``, and arguments of the model that its losses read anew in each
    step, such as ``gp_weight`` and ``clip_value``. What a schedule or a ramp sets is not among them.
    """

    def __init__(self, game: object, roster: Roster) -> None:
        self._game, self._roster = game, roster

    def present(self) -> dict[str, float | bool]:
        """All of them, with their values."""
        roster, found = self._roster, dict[str, float | bool]()
        for number, player in enumerate(roster.players):
            if player.shares is None and _why_scheduled(player) is None:
                found[f"{player.name}.lr"] = roster.rate(number)
            if not _shared(roster, player):
                found |= {f"{player.name}.{name}": getattr(player, name) for name in _COUNTS}
            found[f"{player.name}.plays"] = player.plays
        for critic, _ in roster.critics:
            for each in critic.regularizers:
                if isinstance(each.weight, float | int):
                    found[f"{each.name}.weight"] = float(each.weight)
        return found | _numbers_of(self._game)

    def require(self, setting: str, value: Any) -> None:
        """Refuse what is none of them, or a value that it cannot have.

        Raises:
            ConfigError: There is no such setting, a schedule sets it, or the value is out of its range.
        """
        settings = self.present()
        if setting in settings:
            _require_fitting(setting, value, settings[setting])
            return
        owner, _, name = setting.rpartition(".")
        player = next((each for each in self._roster.players if each.name == owner), None)
        scheduled = _why_scheduled(player) if player is not None and name == "lr" else None
        raise ConfigError(setting, value, scheduled or f"cannot be changed on the way; what can: {', '.join(settings)}")

    def change(self, setting: str, value: float | bool) -> None:
        """Change one of them from the next step on; ``callbacks.ScheduledChanges`` does so at a step.

        Raises:
            ConfigError: As ``require``.
        """
        self.require(setting, value)
        roster = self._roster
        owner, _, name = setting.rpartition(".")
        if not owner:
            setattr(self._game, name, float(value))
        elif owner not in roster.names:
            for critic, _ in roster.critics:  # copies: another game may have the same regularizer
                critic.regularizers = tuple(
                    _weighted(each, value) if each.name == owner else each for each in critic.regularizers
                )
        elif name == "lr":
            roster.set_rate(roster.names.index(owner), value)
        else:
            index, field = roster.names.index(owner), dict[str, Any]({name: value})
            roster.players[index] = replace(roster.players[index], **field)


def _weighted(regularizer: Regularizer, weight: float) -> Regularizer:
    other = copy(regularizer)
    other.weight = float(weight)
    return other


def _numbers_of(game: object) -> dict[str, float | bool]:
    """The model's arguments that are numbers and that it keeps under their names: its losses read them there."""
    floats = [name for name, kind in constructor_types(type(game)).items() if kind is float]
    return {name: vars(game)[name] for name in floats if isinstance(vars(game).get(name), float | int)}


def _why_scheduled(player: Player) -> str | None:
    if player.scheduler is not None:
        return "a scheduler sets it; leave that out"
    return "falls or rises by a ramp; leave that out (optimization.decay_begin 1)" if "lr" in player.ramps else None


def _shared(roster: Roster, player: Player) -> bool:
    """Whether rates were corrected for how often this player and another take turns."""
    return player.shares is not None or any(each.shares == player.name for each in roster.players)


def _require_fitting(setting: str, value: Any, present: float | bool) -> None:
    name = setting.rpartition(".")[2]
    if isinstance(present, bool):
        if not isinstance(value, bool):
            raise ConfigError(setting, value, "is true, or false for a player that stands still")
    elif name in _COUNTS and setting != name:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(setting, value, "must be a whole number, 1 or more")
    elif isinstance(value, bool) or not isinstance(value, float | int) or not 0 <= value < math.inf:
        raise ConfigError(setting, value, "must be a number, 0 or more")
