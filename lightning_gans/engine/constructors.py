"""Classes by their import paths, and their arguments, those that a constructor passes on to its bases included."""

import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any


def imported(path: str) -> Any:
    """What an import path names; fails as ``import`` and attributes do, or with a ValueError."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def constructor_defaults(cls: type) -> dict[str, Any]:
    """The defaults of a class's arguments by name, ``inspect.Parameter.empty`` for what is required.

    A constructor with ``**kwargs`` passes them on to the next one in its class's order of bases.

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
    """The types of the same by name, Any where they are not known.

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
