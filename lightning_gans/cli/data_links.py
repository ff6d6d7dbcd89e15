"""What the data look like, linked to the model and its networks."""

import inspect
from collections.abc import Iterator
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import import_object
from lightning.pytorch import LightningDataModule

from lightning_gans.cli.arguments import class_at, init_args
from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.errors import ConfigError

DATA_ARGUMENTS = ("image_shape", "num_classes", "source_shape", "text_dim")
"""What data say of themselves; arguments of these names are taken from there where they are left open."""

LINKED_ARGUMENTS = (*DATA_ARGUMENTS, "latent_dim")
"""What is filled in: the latents' size too, which the model knows."""


def link_data_to_model(config: Namespace, data: LightningDataModule | None) -> None:
    """Fill what the data say into the model and those of its networks that leave it open.

    The same config then fits any data, and the checkpoint describes itself. Open means null, as the parser leaves what
    nobody gives; what nobody knows is then the argument's own default. What a network is told is for the model to say
    (``network_kwargs``).
    """
    _share_encoder(config, data)
    _fill(config.model, _facts(config.model, data) | {"latent_dim": None})
    for _, node, told in _networks(config.model, _facts(config.model, data)):
        _fill(node, told)


def _share_encoder(config: Namespace, data: LightningDataModule | None) -> None:
    """Give a model that embeds sentences the encoder that the data's are embedded by, so that its checkpoint has it."""
    encoder, model = getattr(data, "text_encoder", None), config.model
    takes = "text_encoder" in constructor_defaults(import_object(model.class_path))
    if encoder is None or not takes or init_args(model).get("text_encoder") is not None:
        return
    given = init_args(config.data).get("text_encoder")
    default = Namespace(class_path=f"{type(encoder).__module__}.{type(encoder).__qualname__}", init_args=Namespace())  # type: ignore[no-untyped-call]
    model["init_args.text_encoder"] = default if given is None else given.clone()


def check_data_fits(config: Namespace, data: LightningDataModule | None) -> None:
    """Check that networks and model were told the shapes and the number of classes that the data have, as they say.

    Raises:
        ConfigError: A network makes or sees other images, or a model knows other classes, than there are.
    """
    facts = _facts(config.model, data)
    classes, known = facts["num_classes"], init_args(config.model).get("num_classes")
    if classes is not None and known not in (None, classes):
        hint = f"the data have {classes}; give that, or leave it out and it is taken from the data"
        raise ConfigError("model.num_classes", known, hint)
    for role, node, told in _networks(config.model, facts):
        for name in ("image_shape", "source_shape"):
            given, right = init_args(node).get(name), told.get(name)
            if given is not None and right is not None and tuple(given) != tuple(right):
                hint = f"the data ask for {list(right)}; give that, or leave it out and it is taken from the data"
                raise ConfigError(f"model.{role}.{name}", list(given), hint)


def _facts(model: Namespace, data: LightningDataModule | None) -> dict[str, Any]:
    """What is known by name, None for what is not: of the data, and of the latents from the model or its generator.

    The number of classes is not where the model is given no labels.
    """
    settings = init_args(model)
    facts = {name: getattr(data, name, None) for name in DATA_ARGUMENTS}
    given: Any = settings.get("given")
    given = getattr(import_object(model.class_path), "given", ()) if given is None else given
    if "label" not in ([given] if isinstance(given, str) else given):
        facts["num_classes"] = None
    generator = settings.get("generator")
    own = None
    if isinstance(generator, Namespace) and (own := init_args(generator).get("latent_dim")) is None:
        cls = class_at(generator.class_path)
        own = None if cls is None else constructor_defaults(cls).get("latent_dim")
    return facts | {"latent_dim": settings.get("latent_dim") or (own if isinstance(own, int) else None)}


def _networks(model: Namespace, facts: dict[str, Any]) -> Iterator[tuple[str, Namespace, dict[str, Any]]]:
    """Role, config, and what the model tells it, of each network; a game that does not say tells what is known."""
    tells = getattr(import_object(model.class_path), "network_kwargs", None)
    settings = init_args(model)
    for role, node in settings.items():
        if isinstance(node, Namespace):
            yield role, node, facts if tells is None else tells(role, dict(facts), settings)


def _fill(node: Namespace, facts: dict[str, Any]) -> None:
    """Fill the arguments of a class that are open: with what it is told, the linked ones else with their defaults."""
    if "class_path" not in node:
        return
    arguments = init_args(node)
    for name, default in constructor_defaults(import_object(node.class_path)).items():
        value, given = facts.get(name), arguments.get(name)
        if value is None and name in arguments and name in LINKED_ARGUMENTS and default is not inspect.Parameter.empty:
            value = default
        if value is not None and (given is None or (name not in LINKED_ARGUMENTS and given == default)):
            node[f"init_args.{name}"] = list(value) if isinstance(value, tuple) else value
