"""Classes as a command line knows them: by name, with the arguments of their constructors."""

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

from jsonargparse.typing import import_object

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
    """The class of an import path, or of a mere name; None where there is none.

    Args:
        path: Such as ``lightning_gans.WGAN`` or ``WGAN``.
    """
    try:
        found = import_object(path) if "." in path else _by_name(path)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) else None


def known_classes() -> list[str]:
    """Names of the classes of ``CLASS_MODULES``."""
    modules = [importlib.import_module(name) for name in CLASS_MODULES]
    return [name for module in modules for name in module.__all__ if inspect.isclass(getattr(module, name, None))]


def _by_name(name: str) -> object:
    modules = (importlib.import_module(path) for path in CLASS_MODULES)
    return next((getattr(module, name) for module in modules if name in module.__all__), None)


def constructor_defaults(cls: type) -> dict[str, Any]:
    """The arguments of a class with their defaults, those that it passes on to its bases included.

    Args:
        cls: The class; a constructor with ``**kwargs`` passes them on to the next one in its order of bases.

    Returns:
        Defaults by name; ``inspect.Parameter.empty`` for what is required.

    Example:
        >>> class Base:
        ...     def __init__(self, size=3, color="red"): ...
        >>> class Derived(Base):
        ...     def __init__(self, *args, size=4, **kwargs): ...
        >>> sorted(constructor_defaults(Derived).items())
        [('color', 'red'), ('size', 4)]
    """
    found: dict[str, Any] = {}
    for _, parameters in _constructors(cls):
        found = {each.name: each.default for each in parameters} | found
    return found


def constructor_types(cls: type) -> dict[str, Any]:
    """The types of the arguments of a class, those that it passes on to its bases included.

    Args:
        cls: The class.

    Returns:
        Types by name; Any where they are not known.

    Example:
        >>> class Base:
        ...     def __init__(self, size: int, color="red"): ...
        >>> constructor_types(Base)
        {'size': <class 'int'>, 'color': typing.Any}
    """
    found: dict[str, Any] = {}
    for base, parameters in _constructors(cls):
        try:
            known = typing.get_type_hints(base.__init__)  # type: ignore[misc] # of a class, not of an instance
        except (NameError, TypeError):  # what is imported for the type checker alone
            known = {}
        found = {each.name: known.get(each.name, Any) for each in parameters} | found
    return found


def _constructors(cls: type) -> Iterator[tuple[type, list[inspect.Parameter]]]:
    """The constructors that take a class's arguments, each with those that it names itself."""
    for base in inspect.getmro(cls)[:-1]:
        _, *parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc] # as above
        yield base, [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            break


def optimization_fields(model: type) -> set[str]:
    """The settings of a model's ``optimization``; none where it has no such argument.

    Args:
        model: The model's class.
    """
    kind = constructor_types(model).get("optimization")
    options = typing.get_args(kind) or (kind,)
    return {field.name for each in options if dataclasses.is_dataclass(each) for field in dataclasses.fields(each)}
