"""What the data look like, linked to the model and its networks."""

import inspect
from collections.abc import Callable
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import import_object
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningArgumentParser
from torch import nn

from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.errors import ConfigError

DATA_ARGUMENTS = ("image_shape", "num_classes", "source_shape", "text_dim")
"""What data say of themselves; arguments of these names are taken from there where they are left open."""

LINKED_ARGUMENTS = (*DATA_ARGUMENTS, "latent_dim")
"""What is filled in: the latents' size too, which the model knows."""


class DataLinkedParser(LightningArgumentParser):
    """Lets the config of a network leave open what the data say, although its constructor requires it.

    jsonargparse's links on instantiation would fill it in too, but they overwrite what the user says.
    """

    def parse_args(self, args: Any = None, *more: Any, **kwargs: Any) -> Any:
        """Parse; jsonargparse hands a null of the command line on to the parser of a class within as ``None``."""
        if isinstance(args, list):
            args = [f"{arg.removesuffix('None')}null" if arg.endswith("=None") else arg for arg in args]
        return super().parse_args(args, *more, **kwargs)

    def add_class_arguments(self, theclass: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Add the arguments of a class; of those of a network or model, none that is linked to the data is required."""
        added: list[str] = super().add_class_arguments(theclass, *args, **kwargs)
        if inspect.isclass(theclass) and issubclass(theclass, nn.Module):
            for action in self._actions:
                if action.dest.rpartition(".")[2] in LINKED_ARGUMENTS:
                    action.required = False
        return added


def link_data_to_model(config: Namespace, data: LightningDataModule | None) -> None:
    """Fill what the data say into the model and those of its networks that leave it open.

    The same config then fits any data, and the checkpoint describes itself. Open means null, or the argument's own
    default. What a network is told is for the model to say (``network_kwargs``).

    Args:
        config: Of a subcommand, with ``model`` as ``class_path`` and ``init_args``.
        data: Its data.
    """
    settings = _init_args(config.model)
    facts = data_arguments(config.model, data)
    _fill(config.model, {name: facts[name] for name in ("image_shape", "num_classes", "source_shape")})
    for role, node in settings.items():
        if isinstance(node, Namespace):
            _fill(node, network_kwargs(config.model, role, facts))


def check_data_fits(config: Namespace, data: LightningDataModule | None) -> None:
    """Check that networks and model were told the shapes and the number of classes that the data have.

    Args:
        config: Of a subcommand.
        data: Its data; what they do not say is not checked.

    Raises:
        ConfigError: A generator makes other images, a network sees others, or a model knows other classes, than
            there are.
    """
    settings = _init_args(config.model)
    facts = data_arguments(config.model, data)
    classes, known = facts["num_classes"], settings.get("num_classes")
    if classes is not None and known not in (None, classes):
        hint = f"the data have {classes}; give that, or leave it out and it is taken from the data"
        raise ConfigError("model.num_classes", known, hint)
    for role, node in settings.items():
        if not isinstance(node, Namespace):
            continue
        expected = network_kwargs(config.model, role, facts)
        for name in ("image_shape", "source_shape"):
            given, right = _init_args(node).get(name), expected.get(name)
            if given is not None and right is not None and tuple(given) != tuple(right):
                hint = f"the data ask for {list(right)}; give that, or leave it out and it is taken from the data"
                raise ConfigError(f"model.{role}.{name}", list(given), hint)


def data_arguments(model: Namespace, data: LightningDataModule | None) -> dict[str, Any]:
    """What is known of the data, and of the latents: the model's setting, or else that of its generator.

    Args:
        model: The model's config.
        data: The data.

    Returns:
        By name; None for what is not known, and for the number of classes where the model is given no labels.
    """
    settings = _init_args(model)
    facts = {name: getattr(data, name, None) for name in DATA_ARGUMENTS}
    if "label" not in _given(model):
        facts["num_classes"] = None
    generator = settings.get("generator")
    own = _init_args(generator).get("latent_dim") if isinstance(generator, Namespace) else None
    return facts | {"latent_dim": settings.get("latent_dim") or own}


def network_kwargs(model: Namespace, role: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What a model tells the network that plays a role; a game that does not say tells what is known.

    Args:
        model: The model's config.
        role: Name of the model's argument.
        facts: As of ``data_arguments``.
    """
    cls = import_object(model.class_path)
    tells: Callable[..., dict[str, Any]] | None = getattr(cls, "network_kwargs", None)
    return facts if tells is None else tells(role, dict(facts), _init_args(model))


def _given(model: Namespace) -> tuple[str, ...]:
    """The parts of the condition that a model uses: as its config says, or its class."""
    given = _init_args(model).get("given")
    parts: Any = getattr(import_object(model.class_path), "given", ()) if given is None else given
    return (parts,) if isinstance(parts, str) else tuple(parts)


def _fill(node: Namespace, facts: dict[str, Any]) -> None:
    """Fill what a class is told into those of its arguments that are open."""
    if "class_path" not in node:
        return
    defaults = constructor_defaults(import_object(node.class_path))
    arguments = _init_args(node)
    for name, value in facts.items():
        if value is not None and name in defaults and arguments.get(name) in (None, defaults[name]):
            node[f"init_args.{name}"] = list(value) if isinstance(value, tuple) else value


def _init_args(node: Namespace) -> dict[str, Any]:
    """The arguments of a class, by name; none where it takes none."""
    arguments = node.get("init_args")
    return {} if arguments is None else dict(vars(arguments))
