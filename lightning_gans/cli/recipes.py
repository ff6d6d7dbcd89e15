"""The recipes that come with the package: what ``lightning_gans configs`` lists and ``--config NAME`` finds."""

import difflib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from lightning_gans.errors import ConfigError


def folder() -> Path:
    """Where the recipes are: inside an installed package, or beside it in a checkout."""
    inside = Path(str(files("lightning_gans"))) / "configs"
    return inside if inside.is_dir() else inside.parents[1] / "configs"


def recipes() -> dict[str, Path]:
    """All recipes by name, ``wgan`` or ``data/mnist``: models first, then data.

    Example:
        >>> list(recipes())[0], recipes()["wgan"].name
        ('aae', 'wgan.yaml')
    """
    found = {str(file.relative_to(folder()).with_suffix("").as_posix()): file for file in folder().rglob("*.yaml")}
    return {name: found[name] for name in sorted(found, key=lambda name: ("/" in name, name))}


def description(file: Path) -> str:
    """The first comment line of a recipe, without a sentence that only begins there."""
    line = next((line.lstrip("# ") for line in file.read_text().splitlines() if line.startswith("#")), "")
    return line if line.endswith(".") or ". " not in line else line.rpartition(". ")[0] + "."


def recipe(name: str, setting: str) -> Path:
    """The recipe of that name, with or without ``.yaml``.

    Args:
        name: The name.
        setting: Where it was given.

    Raises:
        ConfigError: There is none; suggests the nearest.
    """
    known = recipes()
    bare = name.removesuffix(".yaml").removeprefix("configs/")
    if bare in known:
        return known[bare]
    hint = f"did you mean {near}?" if (near := nearest(name)) else "lightning_gans configs lists them"
    raise ConfigError(setting, name, f"there is no such recipe; {hint}")


def nearest(name: str) -> str | None:
    """The recipe whose name is most like a given one, if any is.

    Example:
        >>> nearest("dcgn"), nearest("something")
        ('dcgan', None)
    """
    bare = name.removesuffix(".yaml").removeprefix("configs/")
    return next(iter(difflib.get_close_matches(bare, recipes(), n=1)), None)


def with_recipes(args: list[str]) -> list[str]:
    """The same arguments with the path of a recipe wherever a configuration file is given by a recipe's bare name.

    Example:
        >>> with_recipes(["fit", "--config", "wgan", "--config=own.yaml"])[3:]
        ['--config', 'own.yaml']
    """
    words: list[str] = []
    for arg in args:
        words += arg.split("=", 1) if arg.startswith("--config=") else [arg]
    known = recipes()
    for index, (flag, value) in enumerate(pairwise(words), 1):
        bare = value.removesuffix(".yaml").removeprefix("configs/")
        if flag in ("--config", "-c") and bare in known and not Path(value).is_file():
            words[index] = str(known[bare])
    return words
