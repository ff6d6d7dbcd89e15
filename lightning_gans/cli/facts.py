"""What the data look like, told to the networks."""

import inspect
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import import_object
from lightning.pytorch import LightningDataModule

from lightning_gans.errors import SettingError


def fill_facts(config: Namespace) -> None:
    """Fill ``image_shape``, ``num_classes`` and ``latent_dim`` into the model and the networks that leave them unset.

    The same recipe then fits any data set, and the checkpoint describes itself. Unset means None or the argument's
    own default.

    Args:
        config: Configuration of a subcommand, with ``model`` and ``data`` as ``class_path`` and ``init_args``.
    """
    settings = _init_args(config.model)
    facts = {"latent_dim": settings.get("latent_dim")}
    if config.get("data") is not None:
        data = import_object(config.data.class_path)(**_init_args(config.data))
        facts |= {name: getattr(data, name, None) for name in ("image_shape", "num_classes")}
    nodes = [config.model, *(v for v in settings.values() if isinstance(v, Namespace))]
    for node in nodes:
        if "class_path" not in node or "init_args" not in node:
            continue
        parameters = inspect.signature(import_object(node.class_path)).parameters
        for name, value in facts.items():
            unset = name in parameters and node.init_args.get(name) in (None, parameters[name].default)
            if unset and value is not None:
                node.init_args[name] = list(value) if isinstance(value, tuple) else value


def require_fitting(config: Namespace, data: LightningDataModule | None) -> None:
    """Check that networks which were told their image shape were told that of the data.

    Args:
        config: Configuration of a subcommand.
        data: Its data; what says no ``image_shape`` is not checked.

    Raises:
        SettingError: A generator makes other images, or a network sees others, than there are.
    """
    shape = getattr(data, "image_shape", None)
    if shape is None:
        return
    for name, node in _init_args(config.model).items():
        given = _init_args(node).get("image_shape") if isinstance(node, Namespace) else None
        if given is None:
            continue
        whole = name == "generator"  # a discriminator may see several images at once, as channels
        if tuple(given)[0 if whole else 1 :] != tuple(shape)[0 if whole else 1 :]:
            remedy = f"the data have {list(shape)}; give that, or leave it out and it is taken from the data"
            raise SettingError(f"model.{name}.image_shape", list(given), remedy)


def _init_args(node: Namespace) -> dict[str, Any]:
    """The arguments of a class, by name; none where it takes none."""
    arguments = node.get("init_args")
    return {} if arguments is None else dict(vars(arguments))
