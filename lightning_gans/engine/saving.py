"""What a checkpoint remembers of a game's constructor, and which class it builds again."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import fields
from types import FrameType
from typing import Any, TypeVar

from lightning_gans.engine.optimization import BaseOptimization
from lightning_gans.engine.phase import Phase
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Ramp

Class = TypeVar("Class", bound=type)


def plain_arguments(frame: FrameType) -> tuple[dict[str, Any], list[str]]:
    """What a checkpoint keeps of a constructor's arguments, as plain data, and the paths of what it cannot keep.

    Modules, callables and other objects would break ``weights_only`` loading, or be dropped in silence; the command
    line replaces them by their plain description (``class_path``, ``init_args``).

    Args:
        frame: The frame of the base's constructor; see ``init_arguments``.
    """
    kept, lost = {}, []
    for name, value in init_arguments(frame).items():
        plain, paths = described(value, name)
        lost += paths
        if plain is not None or not paths:
            kept[name] = plain
    return kept, lost


def init_arguments(frame: FrameType) -> dict[str, Any]:
    """The arguments that the constructor of an object was given, by name, and its bases' defaults of the others.

    What a subclass hands on to its base of its own accord is none of them: it does so again when it is built again.

    Args:
        frame: The frame of the base's constructor, which is running now, called by those of the subclasses.
    """
    levels = _constructors(frame)
    outermost = inspect.getargvalues(levels[-1])
    own = {name: outermost.locals[name] for name in _parameters(levels[-1])}
    given = outermost.locals[outermost.varargs] if outermost.varargs else ()
    arguments: dict[str, Any] = {}
    for level in levels:
        for name, parameter in _parameters(level).items():
            value = level.f_locals[name]
            if value is parameter.default or any(value is each for each in given):
                arguments[name] = value
    return arguments | own | (outermost.locals[outermost.keywords] if outermost.keywords else {})


def _constructors(frame: FrameType) -> list[FrameType]:
    """The frame of a constructor and those of the subclasses' that called it, the most specific one's at the end."""
    frames = [frame]
    while (caller := frames[-1].f_back) is not None and _constructed(caller) is _constructed(frame):
        frames.append(caller)
    return frames


def _constructed(frame: FrameType) -> object:
    """The object whose constructor a frame is; None for another frame."""
    names = frame.f_code.co_varnames
    return frame.f_locals.get(names[0]) if frame.f_code.co_name == "__init__" and names else None


def _parameters(frame: FrameType) -> dict[str, inspect.Parameter]:
    """The named parameters of the constructor that a frame is, without ``self``."""
    constructors = (
        inspect.unwrap(vars(kind)["__init__"])
        for kind in type(_constructed(frame)).__mro__[:-1]
        if "__init__" in vars(kind)
    )
    own = next(each for each in constructors if getattr(each, "__code__", None) is frame.f_code)
    _, *parameters = inspect.signature(own).parameters.values()
    return {each.name: each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}


def described(value: Any, path: str) -> tuple[Any, list[str]]:
    """A constructor's argument as plain data, and the paths of what in it cannot be written as such.

    Args:
        value: The argument; ``Optimization``, ``Ramp`` and ``Phase``, which games take as dicts too, become such.
        path: Its name.

    Example:
        >>> from lightning_gans.schedule import Ramp
        >>> described(Ramp(1.0, 0.0), "gamma")
        ({'start': 1.0, 'end': 0.0, 'begin': 0.0, 'until': 1.0, 'cosine': False}, [])
        >>> described({"lr": 1.0, "schedule": print}, "settings")
        ({'lr': 1.0}, ['settings.schedule'])
    """
    if isinstance(value, BaseOptimization | Ramp | Phase):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        parts = {key: described(part, f"{path}.{key}") for key, part in value.items()}
        kept = {key: part for key, (part, lost) in parts.items() if part is not None or not lost}
        return kept, [each for _, lost in parts.values() for each in lost]
    if isinstance(value, list | tuple) and not is_serializable(value):
        parts_ = [described(part, f"{path}.{number}") for number, part in enumerate(value)]
        lost = [each for _, lost in parts_ for each in lost]
        return (None, lost) if lost else ([part for part, _ in parts_], [])
    return (value, []) if is_serializable(value) else (None, [path])


def is_serializable(value: object) -> bool:
    """Whether a value consists of primitives, lists and dicts, so that a checkpoint may hold it."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_serializable(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_serializable, value))
    return value is None or type(value) in (bool, int, float, str)


def resolve_class(path: str | None, base: Class) -> Class:
    """The class that a checkpoint names, if it is the base or a subclass; Lightning would build the base itself."""
    if path is None:
        return base
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError("checkpoint", path, f"its class cannot be imported here ({error})") from error
    if not issubclass(kind, base):
        raise ConfigError("checkpoint", path, f"holds another model than {base.__name__}; load it by its own class")
    named: Class = kind
    return named
