"""What is null and cannot be: the parser lets null pass for every type."""

import dataclasses
import inspect
import typing
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from jsonargparse import Namespace

from lightning_gans.cli.arguments import class_at
from lightning_gans.engine.constructors import constructor_defaults, constructor_types
from lightning_gans.errors import ConfigError


def require_no_null(config: Namespace, name: str, linked: Iterable[str] = ()) -> None:
    """Check that no setting of a class is null that cannot be.

    Args:
        config: The class with its settings.
        name: Of the section.
        linked: Names of arguments that the data could have filled.

    Raises:
        ConfigError: One is; names the flag.
    """
    if found := first_null(_settings(config), _types_within(config, None)):
        setting, kind = f"{name}.{found[0]}", found[1]
        if setting.rpartition(".")[2] in linked:
            raise ConfigError(setting, None, f"is required, and the data do not say it; give --{setting}")
        raise ConfigError(setting, None, f"must be {_readable(kind)}; leave it out for its default")


def first_null(settings: Mapping[str, Any], types: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The first setting that is null and cannot be, with its type; settings of classes and dataclasses included.

    Args:
        settings: By name.
        types: What each must be, by name.

    Example:
        >>> first_null({"size": None, "color": None}, {"size": int | None, "color": str})
        ('color', <class 'str'>)
    """
    for name, value in settings.items():
        kind = types.get(name, Any)
        if value is None and not _may_be_none(kind):
            return name, kind
        if isinstance(value, Namespace) and (found := first_null(_settings(value), _types_within(value, kind))):
            return f"{name}.{found[0]}", found[1]
    return None


def _settings(value: Namespace) -> dict[str, Any]:
    inner = value.get("init_args") if "class_path" in value else value
    return {} if inner is None else dict(vars(inner))


def _types_within(value: Namespace, kind: Any) -> dict[str, Any]:
    """The types of the settings of a class, or of a dataclass that is given by its fields."""
    if "class_path" in value:
        cls = class_at(value.class_path)
        return {} if cls is None else _types_of(cls)
    options = typing.get_args(kind) if _is_union(kind) else (kind,)
    fields = [each for each in options if isinstance(each, type) and dataclasses.is_dataclass(each)]
    return _types_of(fields[0]) if len(fields) == 1 else {}


def _types_of(cls: type) -> dict[str, Any]:
    """The types of the arguments of a class; Any where the default is None, whatever the type says."""
    types, defaults = constructor_types(cls), constructor_defaults(cls)
    return {name: Any if defaults[name] is None else kind for name, kind in types.items()}


def _may_be_none(kind: Any) -> bool:
    if kind in (Any, None, NoneType, object, inspect.Parameter.empty) or isinstance(kind, typing.TypeVar):
        return True
    return _is_union(kind) and any(_may_be_none(each) for each in typing.get_args(kind))


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, type(int | None))


def _readable(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
