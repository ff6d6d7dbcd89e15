"""What the data look like, told to the networks."""

from collections.abc import Callable
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import import_object
from lightning.pytorch import LightningDataModule

from lightning_gans.cli.arguments import arguments_of
from lightning_gans.errors import ConfigError


def fill_facts(config: Namespace) -> None:
    """Fill ``image_shape``, ``num_classes`` and ``latent_dim`` into the model and the networks that leave them unset.

    The same recipe then fits any data set, and the checkpoint describes itself. Unset means None or the argument's
    own default. What a network is told is for the model to say (``LatentModel.facts``).

    Args:
        config: Configuration of a subcommand, with ``model`` and ``data`` as ``class_path`` and ``init_args``.
    """
    settings = _init_args(config.model)
    data: Any = None
    if config.get("data") is not None:
        data = import_object(config.data.class_path)(**_init_args(config.data))
    facts = _facts_of(data, settings)
    _fill(config.model, {name: facts[name] for name in ("image_shape", "num_classes")})
    for role, node in settings.items():
        if isinstance(node, Namespace):
            _fill(node, told(config.model, role, facts))


def require_fitting(config: Namespace, data: LightningDataModule | None) -> None:
    """Check that networks and model were told the image shape and the number of classes that the data have.

    Args:
        config: Configuration of a subcommand.
        data: Its data; what says no ``image_shape`` is not checked.

    Raises:
        ConfigError: A generator makes other images, a network sees others, or a model knows other classes, than
            there are.
    """
    settings = _init_args(config.model)
    facts = _facts_of(data, settings)
    classes, known = facts["num_classes"], settings.get("num_classes")
    if classes is not None and known not in (None, classes):
        hint = f"the data have {classes}; give that, or leave it out and it is taken from the data"
        raise ConfigError("model.num_classes", known, hint)
    if facts["image_shape"] is None:
        return
    for role, node in settings.items():
        given = _init_args(node).get("image_shape") if isinstance(node, Namespace) else None
        expected = told(config.model, role, facts)["image_shape"]
        if given is not None and expected is not None and tuple(given) != tuple(expected):
            hint = f"the data ask for {list(expected)}; give that, or leave it out and it is taken from the data"
            raise ConfigError(f"model.{role}.image_shape", list(given), hint)


def told(model: Namespace, role: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What a model tells the network that plays a role; a game without ``facts`` tells what there is."""
    kind = import_object(model.class_path)
    tells: Callable[..., dict[str, Any]] | None = getattr(kind, "facts", None)
    return facts if tells is None else tells(role, dict(facts), _init_args(model))


def _facts_of(data: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """What is known of the data, and of the latents: the model's setting, or else that of its generator."""
    facts = {name: getattr(data, name, None) for name in ("image_shape", "num_classes")}
    generator = settings.get("generator")
    own = _init_args(generator).get("latent_dim") if isinstance(generator, Namespace) else None
    return facts | {"latent_dim": settings.get("latent_dim") or own}


def _fill(node: Namespace, facts: dict[str, Any]) -> None:
    """Fill what a class is told into those of its arguments that are unset."""
    if "class_path" not in node or "init_args" not in node:
        return
    defaults = arguments_of(import_object(node.class_path))
    for name, value in facts.items():
        unset = name in defaults and node.init_args.get(name) in (None, defaults[name])
        if unset and value is not None:
            node.init_args[name] = list(value) if isinstance(value, tuple) else value


def _init_args(node: Namespace) -> dict[str, Any]:
    """The arguments of a class, by name; none where it takes none."""
    arguments = node.get("init_args")
    return {} if arguments is None else dict(vars(arguments))
