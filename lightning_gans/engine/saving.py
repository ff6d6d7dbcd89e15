"""What a checkpoint remembers of a game's constructor, and which class it builds again."""

import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FrameType
from typing import Any, TypeVar

from lightning.pytorch.core.mixins import HyperparametersMixin
from lightning.pytorch.utilities.parsing import collect_init_args

from lightning_gans.errors import ConfigError

Class = TypeVar("Class", bound=type)


def init_arguments(frame: FrameType) -> dict[str, Any]:
    """The arguments of all constructors of one object that are running now, from the subclass's to the base's.

    Args:
        frame: The frame of the base's constructor.
    """
    arguments: dict[str, Any] = {}
    for local in collect_init_args(frame, [], classes=(HyperparametersMixin,)):
        arguments.update(local)
    return arguments


def described(value: Any, path: str) -> tuple[Any, list[str]]:
    """A constructor's argument as plain data, and the paths of what in it cannot be written as such.

    Args:
        value: The argument; data classes (``Optimization``, ``Ramp``, ``Phase``) become dicts of their fields.
        path: Its name.

    Example:
        >>> from lightning_gans.schedule import Ramp
        >>> described(Ramp(1.0, 0.0), "gamma")
        ({'start': 1.0, 'end': 0.0, 'begin': 0.0, 'until': 1.0, 'cosine': False}, [])
        >>> described({"lr": 1.0, "schedule": print}, "settings")
        ({'lr': 1.0}, ['settings.schedule'])
    """
    if is_dataclass(value) and not isinstance(value, type):
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
