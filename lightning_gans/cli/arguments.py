"""Classes as a command line knows them: by name, with the arguments of their constructors and their types."""

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Iterable
from types import NoneType
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import import_object

from lightning_gans.engine.constructors import constructor_defaults, constructor_types
from lightning_gans.errors import ConfigError

CLASS_MODULES = (
    "lightning_gans",
    "lightning_gans.data",
    "lightning_gans.networks",
    "lightning_gans.objectives",
    "lightning_gans.regularizers",
    "lightning_gans.augment",
    "lightning_gans.callbacks",
    "lightning_gans.engine",
    "lightning_gans.evaluation.features",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "torch.optim",
    "torch.optim.lr_scheduler",
)
"""Where the classes are that can be given by their mere name."""


def class_at(path: str) -> type | None:
    """The class of an import path (``lightning_gans.WGAN``), or of a mere name (``WGAN``); None where there is none."""
    try:
        if "." in path:
            found = import_object(path)
        else:
            modules = (importlib.import_module(name) for name in CLASS_MODULES)
            found = next((getattr(module, path) for module in modules if path in module.__all__), None)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) else None


def known_classes() -> list[str]:
    """Names of the classes of ``CLASS_MODULES``."""
    modules = [importlib.import_module(name) for name in CLASS_MODULES]
    return [name for module in modules for name in module.__all__ if inspect.isclass(getattr(module, name, None))]


def optimization_fields(model: type) -> set[str]:
    """The settings of a model's ``optimization``; none where it has no such argument."""
    options = _dataclasses_in(constructor_types(model).get("optimization"))
    return {field.name for each in options for field in dataclasses.fields(each)}


def require_valid_values(config: Namespace, name: str, linked: Iterable[str] = (), kind: Any = None) -> None:
    """Check what the parser lets pass for every type, in a setting and those within: null, a list for a class, NaN.

    Args:
        config: A class with its settings, or the fields of a dataclass.
        name: Where they stand.
        linked: Names of arguments that the data could have filled.
        kind: The type of the setting.

    Raises:
        ConfigError: A setting has such a value and cannot; names the flag.
    """
    types = _types_within(config, kind)
    for key, value in init_args(config).items() if "class_path" in config else vars(config).items():
        setting, kind = f"{name}.{key}", types.get(key, Any)
        parts = value if isinstance(value, list | tuple) else [value]
        if within := [each for each in parts if isinstance(each, Namespace)]:
            for each in within:
                require_valid_values(each, setting, linked, kind)
        elif value is None and not _may_be_none(kind):
            if key in linked:
                raise ConfigError(setting, None, f"is required, and the data do not say it; give --{setting}")
            readable = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
            raise ConfigError(setting, None, f"must be {readable}; leave it out for its default")
        elif value is not None and all(dataclasses.is_dataclass(each) for each in _options(kind)):
            raise ConfigError(setting, value, f"its settings are given one by one, as --{setting}.NAME VALUE")
        elif any(each != each for each in parts):
            raise ConfigError(setting, value, "must be a number")


def init_args(node: Namespace) -> dict[str, Any]:
    """The arguments of a class in a config, by name; none where it takes none."""
    arguments = node.get("init_args")
    return {} if arguments is None else dict(vars(arguments))


def _types_within(value: Namespace, kind: Any) -> dict[str, Any]:
    """The types of the settings of a class or dataclass; Any where the default is None, whatever the type says."""
    options = [class_at(value.class_path)] if "class_path" in value else _dataclasses_in(kind)
    if len(options) != 1 or options[0] is None:
        return {}
    types, defaults = constructor_types(options[0]), constructor_defaults(options[0])
    return {name: Any if defaults[name] is None else kind for name, kind in types.items()}


def _dataclasses_in(kind: Any) -> list[Any]:
    return [each for each in _options(kind) if dataclasses.is_dataclass(each)]


def _may_be_none(kind: Any) -> bool:
    anything = (Any, None, NoneType, object, inspect.Parameter.empty)
    return any(each in anything or isinstance(each, typing.TypeVar) for each in _options(kind))


def _options(kind: Any) -> tuple[Any, ...]:
    """The types of a union, or the only one."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, type(int | None)) else (kind,)
