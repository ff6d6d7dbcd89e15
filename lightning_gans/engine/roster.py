"""The players of a run with what belongs to each: parameters, optimizer, schedule, critics."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.core.optimizer import LightningOptimizer, do_nothing_closure
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_gans.engine.player import Player, enable_fused, instantiate, match_layout, open_length, settings_of
from lightning_gans.engine.processes import batch_norm_buffers
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Ramp


class Roster:
    """Who plays, in the order of their updates, looked up by number in every step; built once, when the optimizers are.

    ``averaged`` are the modules that the moving average covers, ``phases`` the names of the phases.
    """

    def __init__(
        self, players: Sequence[Player], averaged: Mapping[str, nn.Module] | None = None, phases: Sequence[str] = ()
    ) -> None:
        self.players = list(players)
        self.names = [player.name for player in players]
        self.owned = [player.parameters() for player in players]
        owners = [player.name for player in players if player.shares is None]
        self._require_playable(owners, phases)
        # Of each player: the others' parameters, its averaged modules' names, its optimizer's number, its schedule.
        every_one = {id(p): p for own in self.owned for p in own}
        mine = [{id(p) for p in own} for own in self.owned]
        self.others = [[p for key, p in every_one.items() if key not in keys] for keys in mine]
        self.averaged = [_within(averaged or {}, player) for player in players]
        self.slots = [owners.index(player.shares or player.name) for player in players]
        self.schedulers: list[LRScheduler | None] = [None] * len(players)
        self.statistics = batch_norm_buffers(module for each in players for module in each.modules)
        # All critics, each with the number of the player who trains it.
        trained = {id(critic): (critic, index) for index, each in enumerate(players) for critic in each.critics}
        self.critics = list(trained.values())
        self.settings: dict[str, dict[str, Any]] = {}  # of the optimizers by player, as built
        self._optimizers: list[Optimizer] = []

    @property
    def needs_horizon(self) -> bool:
        """Whether anything goes by shares of the run, or lasts as long."""
        regularizers = (each for critic, _ in self.critics for each in critic.regularizers)
        augments = (each for critic, _ in self.critics for each in critic.augment)
        scheduled = any(player.ramps or open_length(player.scheduler) for player in self.players)
        ramped = any(isinstance(each.weight, Ramp) for each in regularizers)
        return scheduled or ramped or any(each.needs_horizon for each in augments)

    def build_optimizers(self, updates_of: Callable[[Player], int]) -> list[dict[str, Any]]:
        """One optimizer for each player that shares no other's, as Lightning takes them.

        ``updates_of`` says how many updates a player has in the whole run, where a schedule lasts as long.
        """
        if not self.players:
            raise ConfigError("players", [], "a game needs at least one")
        configured: list[dict[str, Any]] = []
        for number, player in enumerate(self.players):
            if player.shares is not None:
                continue
            setting = f"optimization.{player.name}"
            optimizer = enable_fused(instantiate(player.optimizer or {}, self.owned[number], setting))
            self._correct(optimizer, player)
            optimizer.register_load_state_dict_post_hook(match_layout)
            self._optimizers.append(optimizer)
            configured.append({"optimizer": optimizer})
            if player.scheduler is not None:
                name = open_length(player.scheduler)
                length = {} if name is None else {name: updates_of(player)}
                scheduler = instantiate(player.scheduler, optimizer, f"{setting}_scheduler", **length)
                self.schedulers[number] = scheduler
                configured[-1]["lr_scheduler"] = {"scheduler": scheduler, "name": f"lr/{player.name}"}
            settings = settings_of(optimizer, self.schedulers[number])
            self.settings[player.name] = settings | {"ramps": sorted(player.ramps)}
        return configured

    def owner(self, index: int) -> int:
        """The number of the player whose optimizer a player uses: its own, but for one that shares another's."""
        shared = self.players[index].shares
        return index if shared is None else self.names.index(shared)

    def rate(self, index: int) -> float:
        """The learning rate of a player who has an optimizer, without the correction for those that share it."""
        return float(self._optimizers[self.slots[index]].param_groups[0]["lr"]) / self._correction(self.players[index])

    def set_rate(self, index: int, rate: float) -> None:
        """Set that."""
        for group in self._optimizers[self.slots[index]].param_groups:
            group["lr"] = rate * self._correction(self.players[index])

    def set_ramps(self, index: int, progress: float) -> None:
        """Set what the owner of a player's optimizer ramps to where the owner's run is: a function of the step."""
        owner = self.players[self.owner(index)]
        if not owner.ramps:
            return
        values = {name: ramp.at(progress) for name, ramp in owner.ramps.items()}
        correction = self._correction(owner)
        groups = self._optimizers[self.slots[index]].param_groups
        for group, fresh in zip(groups, self.settings[owner.name]["groups"], strict=True):
            if "lr" in values:
                group["lr"] = fresh["lr"] * values["lr"]
            if "betas" in group:
                betas = zip(("beta1", "beta2"), fresh["betas"], strict=True)
                group["betas"] = tuple(values[name] ** correction if name in values else beta for name, beta in betas)

    def _correction(self, owner: Player) -> float:
        """How much of an optimizer's updates are its owner's own, the rest being those of players that share it.

        Karras et al. 2020, arXiv:1912.04958, app. B: k / (k + 1) where one shares it in every k-th update.
        """
        shared = sum(each.updates / each.interval for each in self.players if each.shares == owner.name)
        return 1 / (1 + shared * owner.interval / owner.updates)

    def _correct(self, optimizer: Optimizer, owner: Player) -> None:
        """Correct an Adam for the updates of others: rate and betas as if there were its owner's alone.

        Karras et al. 2020, arXiv:1912.04958, app. B: lr <- c lr, beta <- beta^c.
        """
        lazy = [each.name for each in self.players if each.shares == owner.name]
        for group in optimizer.param_groups:
            asked = f"the {lazy[0]} shares it, whose correction" if lazy else "a ramp of its betas"
            if "betas" not in group and (lazy or set(owner.ramps) - {"lr"}):
                hint = f"{asked} is defined for Adam alone"
                raise ConfigError(f"optimization.{owner.name}", type(optimizer).__name__, hint)
            if lazy:
                correction = self._correction(owner)
                group["lr"] *= correction
                group["betas"] = tuple(beta**correction for beta in group["betas"])

    def _require_playable(self, owners: Sequence[str], phases: Sequence[str]) -> None:
        if len(set(self.names)) < len(self.names):
            raise ConfigError("players", self.names, "each needs a name of its own")
        for player, own in zip(self.players, self.owned, strict=True):
            if not own:
                raise ConfigError(player.name, "no parameters", "owns nothing that could learn")
            if player.phase is not None and player.phase not in phases:
                raise ConfigError(f"{player.name}.phase", player.phase, f"is none of the phases {list(phases)}")
            if player.shares is not None and player.shares not in owners:
                raise ConfigError(f"{player.name}.shares", player.shares, "names no player with an optimizer")


@contextmanager
def counted_once(optimizers: Sequence[LightningOptimizer]) -> Iterator[None]:
    """Let Lightning count all steps of all optimizers as one: it counts those of each by its hooks."""
    before, after = optimizers[0]._on_before_step, optimizers[0]._on_after_step
    for optimizer in optimizers:
        optimizer._on_before_step = optimizer._on_after_step = do_nothing_closure
    yield
    before()
    after()


def _within(averaged: Mapping[str, nn.Module], player: Player) -> list[str]:
    """The names of averaged modules that a player changes, a part of them at least."""
    owned = {id(p) for p in player.parameters()}
    return [name for name, module in averaged.items() if any(id(p) in owned for p in module.parameters())]
