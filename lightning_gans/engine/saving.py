"""What a checkpoint remembers of a game's constructor, and which class it builds again."""

import inspect
from collections.abc import Mapping
from types import FrameType
from typing import Any, TypeVar

from lightning.pytorch import LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import _given_hyperparameters

from lightning_gans.engine.constructors import imported
from lightning_gans.engine.optimization import BaseOptimization
from lightning_gans.engine.phase import Phase
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Ramp

Class = TypeVar("Class", bound=type)


def save_arguments(game: LightningModule, frame: FrameType | None) -> list[str]:
    """Keep the arguments of a game's constructor as hyperparameters; the paths of what cannot be kept.

    Modules, callables and other objects would break ``weights_only`` loading, or be dropped in silence; the command
    line replaces them by their plain description (``class_path``, ``init_args``).

    Args:
        game: What is being built.
        frame: Of the base's constructor.
    """
    if _given_hyperparameters.get() is not None:  # by the command line, as plain data
        game.save_hyperparameters(frame=frame)
        return []
    kept, lost = described(init_arguments(game, frame))
    game.save_hyperparameters(kept)
    return lost


def init_arguments(game: object, frame: FrameType | None) -> dict[str, Any]:
    """The arguments that the constructor of an object was given, by name, and its bases' defaults of the others.

    What a subclass hands on to its base of its own accord is none of them: it does so again when it is built again.

    Args:
        game: What is being built.
        frame: Of the base's constructor, which is running now, called by those of the subclasses.
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


def resolve_class(path: str | None, base: Class) -> Class:
    """The class that a checkpoint names, if it is the base or a subclass; Lightning would build the base itself."""
    if path is None:
        return base
    try:
        kind: Class = imported(path)
    except (ImportError, AttributeError) as error:
        raise ConfigError("checkpoint", path, f"its class cannot be imported here ({error})") from error
    if not issubclass(kind, base):
        raise ConfigError("checkpoint", path, f"holds another model than {base.__name__}; load it by its own class")
    return kind
