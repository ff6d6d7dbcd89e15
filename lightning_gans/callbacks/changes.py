"""Settings that change in the course of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_gans.engine import Game
from lightning_gans.engine.changes import Change
from lightning_gans.errors import ConfigError


class ScheduledChanges(Callback):
    """Changes settings of a game after so many steps, at once: what somebody did by hand, written down.

    Settings are ``<player>.lr``, ``<player>.updates``, ``<player>.interval``, ``<player>.plays`` (false for a player
    that stands still), ``<regularizer>.weight`` (of the penalty as it is logged; R1's is gamma / 2), and arguments of
    the model that its losses read anew in each step, as ``gp_weight`` and ``clip_value``. A run that goes on from a
    checkpoint makes the earlier ones again first.

    Args:
        changes: Each ``{"step": 500, "setting": "generator.lr", "value": 0.001}``: after 500 steps.

    Raises:
        ConfigError: A change is of another form; when training starts, the game has no such setting, a schedule or ramp
            sets it, or the value is out of its range.

    Example:
        >>> ScheduledChanges([{"step": 500, "setting": "generator.plays", "value": False}]).changes
        [Change(step=500, setting='generator.plays', value=False)]
    """

    def __init__(self, changes: Sequence[Mapping[str, Any]] = ()) -> None:
        self.changes = sorted((_change(each) for each in changes), key=lambda each: each.step)
        self._made = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew, if all of them can be made."""
        self._made = 0
        for change in self.changes:
            if not isinstance(pl_module, Game):
                raise ConfigError("changes", type(pl_module).__name__, "is no game of this package")
            pl_module.settings.require(change.setting, change.value)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Make those that are due."""
        for change in self.changes[self._made :]:
            assert isinstance(pl_module, Game)
            if change.step > pl_module.step:
                break
            pl_module.settings.change(change.setting, change.value)
            self._made += 1

    def add(self, game: Game, setting: str, value: float | bool) -> Change:
        """Change a setting of a game, whose training stands between two steps, and keep that.

        Raises:
            ConfigError: As ``game.settings.change``.
        """
        game.settings.change(setting, value)
        self.changes.insert(self._made, change := Change(game.step, setting, value))
        self._made += 1
        return change


def _change(given: Mapping[str, Any]) -> Change:
    if set(given) != {"step", "setting", "value"} or not isinstance(given["step"], int) or given["step"] < 0:
        raise ConfigError("changes", dict(given), "each has a step, 0 or more, a setting and a value")
    return Change(given["step"], str(given["setting"]), given["value"])
