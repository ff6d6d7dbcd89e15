"""Checkpoints of version 0.1, read by this one: one place for all that has other names since."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lightning_gans.engine.renamed import ARGUMENTS, Translation
from lightning_gans.errors import ConfigError

KEY = "lightning_gans"
"""Where a checkpoint keeps the game's own state; it was ``game`` in version 0.1."""

_METRICS = {"mmd": "kid", "two_sample_accuracy": "one_nn_accuracy", "classes": "num_classes_covered"}
"""Figures that have another name since, without the suffix of their features."""

_CALLBACKS = {"GameCheckpoint": "StepCheckpoint", "RoundsBar": "StepProgressBar"}


def migrated(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's content, changed in place to the words of this version; refused where 0.1 or later wrote none."""
    if KEY in checkpoint:
        return checkpoint
    if "game" not in checkpoint:
        raise ConfigError("checkpoint", "no game in it", "it was not written by lightning_gans")
    game = checkpoint.pop("game")
    if "settings" not in game:
        raise ConfigError("checkpoint", "no settings in it", "an earlier version wrote it; train anew")
    checkpoint[KEY] = {**game, "step": game["round"], "boundaries": None}
    checkpoint["hyper_parameters"] = _hyperparameters(checkpoint["hyper_parameters"])
    checkpoint["state_dict"] = _state(checkpoint["state_dict"])
    callbacks = checkpoint.get("callbacks") or {}
    checkpoint["callbacks"] = {_callback(key): _callback_state(state) for key, state in callbacks.items()}
    return checkpoint


def _hyperparameters(before: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments as they are called now; Lightning's own keys stay."""
    own = {key: value for key, value in before.items() if not key.startswith("_")}
    kept = {key: value for key, value in before.items() if key.startswith("_")}
    path = before.get("_class_path")
    now = Translation({"model": {"class_path": path, "init_args": own} if path else own}).config["model"]
    return {**kept, **({"_class_path": now["class_path"], **now["init_args"]} if path else now)}


def _state(before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights; what was counted once for all averages is counted for each."""
    after = dict(before)
    if (moves := after.pop("ema.moves", None)) is not None:
        names = dict.fromkeys(key.split(".")[2] for key in before if key.startswith("ema.averages."))
        after["ema.num_updates"] = moves.expand(len(names)).clone()
    return after


def _callback(key: str) -> str:
    """The key of a callback's state: its class, and the settings that tell it from others of its kind."""
    for before, now in _CALLBACKS.items():
        key = re.sub(rf"^{before}\b", now, key)
    for before, now in ARGUMENTS["metrics"].items():
        key = key.replace(f"'{before}':", f"'{now}':")
    return _metric_names(key)


def _callback_state(state: Any) -> Any:
    """One key, and the names of metrics among strings and the keys of mappings in it."""
    if not isinstance(state, Mapping):
        return state
    found = {"rollbacks" if key == "restored" else key: value for key, value in state.items()}
    for key, value in found.items():
        if isinstance(value, Mapping):
            found[key] = {_metric_names(str(k)): v for k, v in value.items()}
        elif isinstance(value, str):
            found[key] = _metric_names(value)
    return found


def _metric_names(text: str) -> str:
    names = "|".join(_METRICS)
    return re.sub(rf"metrics/({names})(?=_|\b)", lambda found: f"metrics/{_METRICS[found[1]]}", text)
