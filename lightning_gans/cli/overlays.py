"""Recipes of data meet games of other players: what an overlay says of a GAN's parts that a model does not have."""

import os
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser
from jsonargparse.typing import import_object

import lightning_gans
from lightning_gans.engine import GAN
from lightning_gans.errors import LightningGANsWarning

_READ = ("--config", "-c", "--model", "--model.class_path")


def fitting(args: list[str]) -> list[str]:
    """The same arguments, without what an overlay sets of a discriminator where the model has none, and the like.

    An overlay is a configuration file that names no model but sets some of its arguments, as ``data/ring`` does. Left
    out are arguments of ``GAN`` alone, and it is said; all others are the parser's to refuse.

    Args:
        args: A command of Lightning's and its arguments.
    """
    words: list[str] = []
    for arg in args:
        words += arg.split("=", 1) if arg.partition("=")[0] in _READ else [arg]
    kind: type | None = None
    for index, (flag, value) in enumerate(pairwise(words), 1):
        if flag in _READ[2:]:
            kind = _class(value)
        elif flag in _READ[:2] and (model := _model(value)):
            kind = _class(model["class_path"]) if "class_path" in model else kind
            if "class_path" not in model and kind is not None and (foreign := sorted(_foreign(model, kind))):
                parts = ", ".join(foreign)
                warnings.warn(
                    f"{kind.__name__} has no {parts}: what {value} sets there is left out", LightningGANsWarning, stacklevel=1
                )
                words[index] = _without(value, foreign)
    return words


def _class(path: str) -> type | None:
    """The class of that path, or of this package with that name; None where the parser must find it, or refuse."""
    try:
        found = import_object(path) if "." in path else getattr(lightning_gans, path)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) else None


def _model(value: str) -> dict[str, Any]:
    """What a configuration file, or its text, says of the model; nothing where it cannot be read, or says nothing."""
    try:
        content = yaml.safe_load(Path(value).read_text() if os.path.isfile(value) else value)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    model = content.get("model") if isinstance(content, dict) else None
    return model if isinstance(model, dict) else {}


def _foreign(model: dict[str, Any], kind: type) -> Iterator[str]:
    """Arguments that are set, that a GAN has and that this class has not."""
    given = model.get("init_args")
    yield from (set(given) & _arguments(GAN)) - _arguments(kind) if isinstance(given, dict) else ()


def _arguments(kind: type) -> set[str]:
    """As the parser sees them, who reads the code: what a constructor sets for its base is no argument."""
    return set(ArgumentParser(exit_on_error=False).add_class_arguments(kind))


def _without(file: str, names: list[str]) -> str:
    """The text of a file without those arguments of the model."""
    content = yaml.safe_load(Path(file).read_text() if os.path.isfile(file) else file)
    for name in names:
        del content["model"]["init_args"][name]
    return yaml.safe_dump(content)
