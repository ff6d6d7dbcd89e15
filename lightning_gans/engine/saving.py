"""What a checkpoint remembers of a game, and what a resumed run takes from it."""

import inspect
import io
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from zipfile import ZipFile, is_zipfile

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import _given_hyperparameters
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_gans.engine.constructors import imported
from lightning_gans.engine.migration import KEY, migrated
from lightning_gans.engine.optimization import BaseOptimization
from lightning_gans.engine.phase import Phase
from lightning_gans.engine.roster import Roster
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Ramp

Class = TypeVar("Class", bound=type)

_KERNELS = ("fused", "foreach")  # how a step is computed, which depends on the device; not what it computes


def save_arguments(game: LightningModule, frame: FrameType | None) -> list[str]:
    """Keep the arguments of a game's constructor as hyperparameters; the paths of what cannot be kept.

    Modules, callables and other objects would break ``weights_only`` loading, or be dropped in silence; the command
    line replaces them by their plain description (``class_path``, ``init_args``).
    """
    if _given_hyperparameters.get() is not None:  # by the command line, as plain data
        game.save_hyperparameters(frame=frame)
        return []
    kept, lost = described(init_arguments(game, frame))
    game.save_hyperparameters(kept)
    return lost


def init_arguments(game: object, frame: FrameType | None) -> dict[str, Any]:
    """The arguments that the constructor of a game was given, by name, and its bases' defaults of the others.

    What a subclass hands on to its base of its own accord is none of them: it does so again when it is built again. The
    base's constructor is running in that frame, called by those of the subclasses.
    """
    levels: list[FrameType] = []  # the base's first, the most specific one's at the end
    while frame is not None and frame.f_code.co_name == "__init__" and _first_local(frame) is game:
        levels.append(frame)
        frame = frame.f_back
    outermost = inspect.getargvalues(levels[-1])
    given = outermost.locals[outermost.varargs] if outermost.varargs else ()
    constructors = [inspect.unwrap(vars(kind)["__init__"]) for kind in type(game).__mro__ if "__init__" in vars(kind)]
    arguments: dict[str, Any] = {}
    for level in levels:
        constructor = next(each for each in constructors if getattr(each, "__code__", None) is level.f_code)
        _, *parameters = inspect.signature(constructor).parameters.values()
        for each in parameters:
            if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                value = level.f_locals[each.name]
                if level is levels[-1] or value is each.default or any(value is one for one in given):
                    arguments[each.name] = value
    return arguments | (outermost.locals[outermost.keywords] if outermost.keywords else {})


def _first_local(frame: FrameType) -> object:
    return frame.f_locals.get(frame.f_code.co_varnames[0])


def described(value: Any, path: str = "") -> tuple[Any, list[str]]:
    """An argument as plain data, and the paths of what in it cannot be written as such.

    ``Optimization``, ``Ramp`` and ``Phase``, which games take as dicts too, become such.

    Example:
        >>> described({"gamma": Ramp(1.0, 0.0), "rate": 1.0, "schedule": print})
        ({'gamma': {'start': 1.0, 'end': 0.0, 'begin': 0.0, 'until': 1.0, 'cosine': False}, 'rate': 1.0}, ['schedule'])
    """
    if isinstance(value, BaseOptimization | Ramp | Phase):
        value = vars(value)
    if isinstance(value, Mapping):
        parts = {key: described(part, f"{path}.{key}" if path else key) for key, part in value.items()}
        kept = {key: part for key, (part, lost) in parts.items() if part is not None or not lost}
        return kept, [each for _, lost in parts.values() for each in lost]
    if isinstance(value, list | tuple):
        found = [described(part, f"{path}.{number}") for number, part in enumerate(value)]
        lost = [each for _, paths in found for each in paths]
        plain = [part for part, _ in found]
        return (None, lost) if lost else (value if plain == list(value) else plain, [])
    return (value, []) if value is None or type(value) in (bool, int, float, str) else (None, [path])


def loadable(path: Any, base: Class, given: Mapping[str, Any]) -> tuple[Class, Any]:
    """The class of a checkpoint, and the file as Lightning reads it once more: what version 0.1 wrote in today's words.

    Args:
        path: Of the file.
        base: What the class must be, or be a subclass of.
        given: Arguments of the class that the user gives again.

    Raises:
        ConfigError: It was not written by this package, is damaged, or objects that it needs are not given.
    """
    content, file = load_checkpoint(path), path
    if KEY not in content:
        torch.save(migrated(content), file := io.BytesIO())
        file.seek(0)
    lost = {each.partition(".")[0] for each in content[KEY]["objects"]}
    if missing := sorted(lost - set(given)):
        names = ", ".join(f"{name}=..." for name in missing)
        raise ConfigError("checkpoint_path", str(path), f"built in Python: pass what it was built from again ({names})")
    return resolve_class(content["hyper_parameters"].get("_class_path"), base), file


def load_checkpoint(path: str | Path) -> Any:
    """The content of a checkpoint file, if it is what was written: torch writes checksums, but does not compare them.

    Raises:
        ConfigError: A checksum is wrong.
    """
    require_undamaged(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def require_undamaged(path: str | Path) -> None:
    """Compare the checksums of all that is in a checkpoint file; those of torch's old format have none.

    Raises:
        ConfigError: One is wrong.
    """
    if not is_zipfile(path):  # torch.load says what it is instead
        return
    hint = "damaged: some of it is not what was written; take another"
    try:
        with ZipFile(path) as archive:
            damaged = archive.testzip()
    except OSError:
        raise
    except Exception as error:  # what is wrong with a file may look like anything
        raise ConfigError("checkpoint", str(path), hint) from error
    if damaged is not None:
        raise ConfigError("checkpoint", str(path), hint)


def resolve_class(path: str | None, base: Class) -> Class:
    """The class that a checkpoint names, if it is the base or a subclass; Lightning would build the base itself."""
    if path is None:
        return base
    try:
        kind: Class = imported(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("checkpoint", path, f"its class cannot be imported here ({error})") from error
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ConfigError("checkpoint", path, f"holds another model than {base.__name__}; load it by its own class")
    return kind


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
    """What of a checkpoint is needed again when training starts; copied, since some schedulers use up their state."""
    if "lr_schedulers" not in checkpoint:
        raise ConfigError("ckpt_path", "weights only", "cannot be gone on with; load_from_checkpoint takes it")
    return {KEY: checkpoint[KEY], "lr_schedulers": deepcopy(checkpoint["lr_schedulers"])}


def override_optimizer_settings(
    roster: Roster, optimizers: Sequence[Optimizer], checkpoint: Mapping[str, Any], begins: Sequence[int]
) -> None:
    """Let the present settings win over a checkpoint's: torch restores learning rates with the optimizers' states.

    Players whose settings are those of the checkpoint go on exactly. The others keep what their optimizers, one for
    each owner, have gathered, take the present settings, and stand where the present schedule is after as many updates
    since the step at which each begins to play.
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


def reconcile_ema(saved: dict[str, Any], present: Mapping[str, Tensor]) -> None:
    """Let averaging begin or end with a checkpoint: a useless one goes, a new one starts from the weights.

    The state that was saved is changed in place; the present one are the own tensors of the module that loads it.
    """
    before = {name for name in saved if name.startswith("ema.")}
    now = {name: value for name, value in present.items() if name.startswith("ema.")}
    if before and not now:
        for name in before:
            del saved[name]
    elif now and not before:
        saved |= {name: saved.get(name.removeprefix("ema.averages."), value) for name, value in now.items()}
