"""What a checkpoint remembers of a game's constructor, and which class it builds again."""

import importlib
from types import FrameType
from typing import Any, TypeVar

from lightning.pytorch.core.mixins import HyperparametersMixin
from lightning.pytorch.utilities.parsing import collect_init_args

from lightning_gans.errors import ConfigError

Class = TypeVar("Class", bound=type)


def constructor_arguments(frame: FrameType) -> dict[str, Any]:
    """The arguments of all constructors of one object that are running now, from the subclass's to the base's.

    Args:
        frame: The frame of the base's constructor.
    """
    arguments: dict[str, Any] = {}
    for local in collect_init_args(frame, [], classes=(HyperparametersMixin,)):
        arguments.update(local)
    return arguments


def is_plain(value: object) -> bool:
    """Whether a value consists of primitives, lists and dicts, so that a checkpoint may hold it."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def class_named(path: str | None, base: Class) -> Class:
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
