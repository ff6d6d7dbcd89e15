"""What a resumed run takes from its checkpoint, and what from the settings that it was started with."""

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_gans.engine.migration import KEY
from lightning_gans.engine.roster import Roster
from lightning_gans.errors import ConfigError

_KERNELS = ("fused", "foreach")  # how a step is computed, which depends on the device; not what it computes


def rewind_to_step_end(checkpoint: dict[str, Any], epoch: int) -> None:
    """Let a checkpoint say, in place, that its last step, of that epoch, has just ended, whenever it was saved after.

    Lightning counts on when training ends: an epoch that ``max_steps`` cut short is complete then, and resuming plays
    one batch more of an epoch that is over. From the end of a step it resumes exactly.
    """
    loop = checkpoint.get("loops", {}).get("fit_loop")
    if loop is None or (progress := loop["epoch_loop.batch_progress"])["current"]["processed"] == 0:
        return  # no training state, or an epoch that has just begun
    if progress["current"]["ready"] > progress["current"]["processed"]:
        progress["is_last_batch"] = False  # said of a batch that was loaded, but not used
    for batches in (progress["total"], progress["current"]):
        batches["ready"] = batches["started"] = batches["processed"]
        batches["completed"] = batches["processed"] - 1
    for epochs in (loop["epoch_progress"]["total"], loop["epoch_progress"]["current"]):
        epochs["ready"] = epochs["started"] = epoch + 1
        epochs["processed"] = epochs["completed"] = epoch
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] = progress["total"]["completed"]
    checkpoint["epoch"] = epoch


def resume_state(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What of a checkpoint is needed once more when training starts; copied, since some schedulers use up their state.

    Raises:
        ConfigError: It holds weights only.
    """
    if "lr_schedulers" not in checkpoint:
        raise ConfigError("ckpt_path", "weights only", "cannot be gone on with; load_from_checkpoint takes it")
    return {KEY: checkpoint[KEY], "lr_schedulers": deepcopy(checkpoint["lr_schedulers"])}


def override_optimizer_settings(
    roster: Roster, optimizers: Sequence[Optimizer], checkpoint: Mapping[str, Any], begins: Sequence[int]
) -> None:
    """Let the present settings win over a checkpoint's: torch restores learning rates with the optimizers' states.

    Players whose settings are those of the checkpoint go on exactly. The others keep what their optimizers have
    gathered, take the present settings, and stand where the present schedule is after as many updates.

    Args:
        roster: Who plays, with the present settings.
        optimizers: One for each owner, with the checkpoint's state.
        checkpoint: What was loaded.
        begins: The step at which each player begins to play.
    """
    before = checkpoint[KEY]["settings"]
    scheduled = [name for name, settings in before.items() if settings["scheduler"] is not None]
    states = dict(zip(scheduled, checkpoint["lr_schedulers"], strict=True))
    for number, player in enumerate(roster.players):
        if player.shares is not None:
            continue
        optimizer, scheduler = optimizers[roster.slots[number]], roster.schedulers[number]
        now, then, state = roster.settings[player.name], before.get(player.name), states.get(player.name)
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
            updates = (state or {}).get("last_epoch", player.updates_before(checkpoint[KEY]["step"], begins[number]))
            _replay(scheduler, now["scheduler"]["state"], updates)


def _replay(scheduler: LRScheduler, fresh: dict[str, Any], updates: int) -> None:
    """Take a scheduler, whose optimizer is as it was built, to where it is after so many updates."""
    scheduler.load_state_dict(deepcopy(fresh))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step\\(\\)` before")
        for _ in range(updates):
            scheduler.step()


def _comparable(settings: Mapping[str, Any] | None) -> Any:
    if settings is None:
        return None
    groups = [{key: value for key, value in group.items() if key not in _KERNELS} for group in settings["groups"]]
    return settings["optimizer"], groups, settings["scheduler"], settings.get("ramps", [])


def reconcile_ema(saved: dict[str, Any], present: Mapping[str, torch.Tensor]) -> None:
    """Let averaging begin or end with a checkpoint: a useless one goes, a new one starts from the weights.

    Args:
        saved: The state in the checkpoint, changed in place.
        present: The state of the module that loads it, its own tensors.
    """
    before = {name for name in saved if name.startswith("ema.")}
    now = {name: value for name, value in present.items() if name.startswith("ema.")}
    if before and not now:
        for name in before:
            del saved[name]
    elif now and not before:
        saved |= {name: saved.get(name.removeprefix("ema.averages."), value) for name, value in now.items()}
