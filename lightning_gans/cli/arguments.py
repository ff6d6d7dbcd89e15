"""The arguments of a class, as a command line knows them."""

import inspect
from typing import Any


def arguments_of(kind: type) -> dict[str, Any]:
    """The arguments of a class with their defaults, those that it passes on to its bases included.

    Args:
        kind: The class; a constructor with ``**kwargs`` passes them on to the next one in its order of bases.

    Example:
        >>> class Base:
        ...     def __init__(self, size=3, color="red"): ...
        >>> class Derived(Base):
        ...     def __init__(self, *args, size=4, **kwargs): ...
        >>> sorted(arguments_of(Derived).items())
        [('color', 'red'), ('size', 4)]
    """
    found: dict[str, Any] = {}
    for base in inspect.getmro(kind)[:-1]:
        _, *parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc] # of a class, not of an instance
        named = {p.name: p.default for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        found = named | found
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found
