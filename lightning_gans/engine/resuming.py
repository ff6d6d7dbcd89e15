"""What a resumed run takes from its checkpoint, and what from the settings that it was started with."""

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_gans.engine.player import Player
from lightning_gans.errors import ConfigError

_KERNELS = ("fused", "foreach")  # how a step is computed, which depends on the device; not what it computes


def settings_of(optimizer: Optimizer, scheduler: LRScheduler | None) -> dict[str, Any]:
    """The settings that an optimizer and its scheduler were built with, as plain data that compares.

    Args:
        optimizer: Before its first step.
        scheduler: Likewise; None for a constant rate.

    Example:
        >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> settings_of(sgd, None)["groups"][0]["lr"], settings_of(sgd, None)["scheduler"]
        (0.1, None)
    """
    groups = [{k: _plain(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    plan = None if scheduler is None else {"class": _path(scheduler), "state": deepcopy(scheduler.state_dict())}
    return {"optimizer": _path(optimizer), "groups": groups, "scheduler": plan}


def take_settings(
    players: Sequence[Player],
    optimizers: Sequence[Optimizer],
    schedulers: Sequence[LRScheduler | None],
    built: Mapping[str, Mapping[str, Any]],
    checkpoint: Mapping[str, Any],
) -> None:
    """Let the present settings win over a checkpoint's: torch restores learning rates with the optimizers' states.

    Players whose settings are those of the checkpoint go on exactly. The others keep what their optimizers have
    gathered, take the present settings, and stand where the present schedule is after as many moves.

    Args:
        players: Who plays.
        optimizers: One for each, with the checkpoint's state.
        schedulers: Likewise.
        built: The present settings by player; see ``settings_of``.
        checkpoint: What was loaded.
    """
    before = checkpoint["game"]["settings"]
    scheduled = [name for name, settings in before.items() if settings["scheduler"] is not None]
    states = dict(zip(scheduled, checkpoint["lr_schedulers"], strict=True))
    for player, optimizer, scheduler in zip(players, optimizers, schedulers, strict=True):
        now, then, state = built[player.name], before.get(player.name), states.get(player.name)
        if _comparable(now) == _comparable(then):
            if scheduler is not None and state is not None:
                scheduler.load_state_dict(state)  # by name: Lightning goes by position
            continue
        if then is None or now["optimizer"] != then["optimizer"]:
            optimizer.state.clear()  # another method has no use for it
        for group, fresh in zip(optimizer.param_groups, now["groups"], strict=True):
            owned = group["params"]
            group.clear()
            group.update(fresh, params=owned)
        if scheduler is not None:
            moves = (state or {}).get("last_epoch", checkpoint["game"]["step"] // player.every)
            _replay(scheduler, now["scheduler"]["state"], moves)


def needed_again(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What of a checkpoint is needed once more when training starts; copied, since some schedulers use up their state.

    Raises:
        ConfigError: It holds weights only.
    """
    if "lr_schedulers" not in checkpoint:
        raise ConfigError("ckpt_path", "weights only", "cannot be gone on with; load_from_checkpoint takes it")
    return {"game": checkpoint["game"], "lr_schedulers": deepcopy(checkpoint["lr_schedulers"])}


def take_average(saved: dict[str, Any], present: Mapping[str, torch.Tensor]) -> None:
    """Let averaging begin or end with a checkpoint: a useless one goes, a new one starts from the weights.

    Args:
        saved: The state in the checkpoint, changed in place.
        present: The state of the module that loads it, its own tensors.
    """
    prefix = "ema."
    if not any(name.startswith(prefix) for name in present):
        for name in [name for name in saved if name.startswith(prefix)]:
            del saved[name]
    elif not any(name.startswith(prefix) for name in saved):
        for name, value in present.items():
            if name.startswith(f"{prefix}averages."):
                saved[name] = saved.get(name.removeprefix(f"{prefix}averages."), value)
            elif name.startswith(prefix):
                saved[name] = value


def _replay(scheduler: LRScheduler, fresh: dict[str, Any], moves: int) -> None:
    """Take a scheduler, whose optimizer is as it was built, to where it is after so many moves."""
    scheduler.load_state_dict(deepcopy(fresh))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step\\(\\)` before")
        for _ in range(moves):
            scheduler.step()


def _comparable(settings: Mapping[str, Any] | None) -> Any:
    if settings is None:
        return None
    groups = [{key: value for key, value in group.items() if key not in _KERNELS} for group in settings["groups"]]
    return settings["optimizer"], groups, settings["scheduler"]


def _plain(value: Any) -> Any:
    """Numbers for tensors of one, lists for tuples: as a checkpoint gives them back."""
    if isinstance(value, torch.Tensor):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def _path(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
