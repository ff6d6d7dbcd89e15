"""Override configs meet models with other players: what they set of a GAN's parts that a model does not have."""

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from lightning_gans.cli.arguments import class_at, optimization_fields
from lightning_gans.cli.configs import CONFIG_FLAGS, config_content, split_flags
from lightning_gans.errors import LightningGANsWarning
from lightning_gans.models import GAN

_MODEL_FLAGS = ("--model", "--model.class_path")


def drop_inapplicable_arguments(args: list[str]) -> list[str]:
    """The same arguments, without what an override config sets of parts that the model does not have.

    An override config names no model but sets some of its arguments, as ``data/ring`` does. Dropped is what ``GAN`` has
    and this model has not, a discriminator, and a warning says so; all else is the parser's to refuse.
    """
    words = split_flags(args, (*CONFIG_FLAGS, *_MODEL_FLAGS))
    model: type | None = None
    for index, (flag, value) in enumerate(pairwise(words), 1):
        if flag in _MODEL_FLAGS:
            model = class_at(value)
        content = config_content(value) if flag in CONFIG_FLAGS else None
        section = content.get("model") if isinstance(content, dict) else None
        if not isinstance(section, dict):
            continue
        if "class_path" in section:
            model = class_at(str(section["class_path"]))
        elif model is not None and (names := sorted(_inapplicable(section, model))):
            message = f"{model.__name__} has no {', '.join(names)}: what {value} sets there is left out"
            warnings.warn(message, LightningGANsWarning, stacklevel=1)
            for name in names:
                *path, last = name.split(".")
                node = section["init_args"][path[0]] if path else section["init_args"]
                del node[last]
            words[index] = yaml.safe_dump(content)
    return words


def _inapplicable(section: dict[str, Any], model: type) -> Iterator[str]:
    """Arguments that are set, that a GAN has and that this model has not; those of its optimization too."""
    given = section.get("init_args")
    if not isinstance(given, dict):
        return
    own = _arguments(model)
    yield from (given.keys() & _arguments(GAN)) - own
    training = given.get("optimization")
    if isinstance(training, dict) and "optimization" in own:
        players = (training.keys() & optimization_fields(GAN)) - optimization_fields(model)
        yield from (f"optimization.{name}" for name in players)


def _arguments(model: type) -> set[str]:
    """As the parser sees them, who reads the code: what a constructor sets for its base is no argument."""
    return set(ArgumentParser(exit_on_error=False).add_class_arguments(model))
