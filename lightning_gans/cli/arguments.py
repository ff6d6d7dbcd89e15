"""Classes as a command line knows them: by name, with the arguments of their constructors."""

import dataclasses
import importlib
import inspect
import typing

from jsonargparse.typing import import_object

from lightning_gans.engine.constructors import constructor_types

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


def optimization_fields(model: type) -> set[str]:
    """The settings of a model's ``optimization``; none where it has no such argument.

    Args:
        model: The model's class.
    """
    kind = constructor_types(model).get("optimization")
    options = typing.get_args(kind) or (kind,)
    return {field.name for each in options if dataclasses.is_dataclass(each) for field in dataclasses.fields(each)}
