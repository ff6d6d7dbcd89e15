"""The configs that come with the package: ``lightning_gans configs`` lists them, ``--config NAME`` finds them."""

import difflib
import os
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.cli.commands import ConfigsOptions
from lightning_gans.errors import ConfigError

CONFIG_FLAGS = ("--config", "-c")


def print_configs(options: ConfigsOptions) -> None:
    """List them, or print one; of a name that there is not, the error suggests the nearest."""
    shipped = shipped_configs()
    if options.name is None:
        width = max(map(len, shipped))
        for name, file in shipped.items():
            print(f"{name:<{width}}  {_summary(file)}")
        print("\nlightning_gans fit --config NAME trains one; --config NAME --config data/DATA does so on other data.")
    elif (bare := _bare(options.name)) in shipped:
        print(shipped[bare].read_text(), end="")
    else:
        near = closest_config(options.name)
        hint = f"did you mean {near}?" if near else "lightning_gans configs lists them"
        raise ConfigError("name", options.name, f"there is no such config; {hint}")


def shipped_configs() -> dict[str, Path]:
    """All of them by name, ``wgan`` or ``data/mnist``: models first, then what is given after one.

    Example:
        >>> list(shipped_configs())[0], shipped_configs()["wgan"].name
        ('aae', 'wgan.yaml')
    """
    package = Path(str(files("lightning_gans")))
    folder = next(each for each in (package / "configs", package.parent / "configs") if each.is_dir())  # a checkout's
    found = {str(file.relative_to(folder).with_suffix("").as_posix()): file for file in folder.rglob("*.yaml")}
    return {name: found[name] for name in sorted(found, key=lambda name: ("/" in name, name))}


def closest_config(name: str) -> str | None:
    """The shipped config whose name is most like a given one, if any is.

    Example:
        >>> closest_config("dcgn"), closest_config("something")
        ('dcgan', None)
    """
    return next(iter(difflib.get_close_matches(_bare(name), shipped_configs(), n=1)), None)


def resolve_config_names(args: list[str]) -> list[str]:
    """The same arguments with the path of a shipped config wherever it is given by its bare name; files come first.

    Example:
        >>> resolve_config_names(["fit", "--config", "wgan", "--config=own.yaml"])[3:]
        ['--config', 'own.yaml']
    """
    words, shipped = split_flags(args, CONFIG_FLAGS), shipped_configs()
    for index, (flag, value) in enumerate(pairwise(words), 1):
        if flag in CONFIG_FLAGS and _bare(value) in shipped and not Path(value).is_file():
            words[index] = str(shipped[_bare(value)])
    return words


def split_flags(args: list[str], flags: tuple[str, ...]) -> list[str]:
    """The same arguments with ``--flag=value`` as two words, for some flags.

    Example:
        >>> split_flags(["--config=a=b", "--x=3"], ("--config",))
        ['--config', 'a=b', '--x=3']
    """
    return [word for arg in args for word in (arg.split("=", 1) if arg.partition("=")[0] in flags else [arg])]


def config_content(config: str) -> Any:
    """What a config file holds, or its text; nothing where it cannot be read: the parser says what is wrong with it."""
    try:
        return yaml.safe_load(Path(config).read_text() if os.path.isfile(config) else config)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}


def _summary(file: Path) -> str:
    """The first comment line of a config, without a sentence that only begins there."""
    line = next((line.lstrip("# ") for line in file.read_text().splitlines() if line.startswith("#")), "")
    return line if line.endswith(".") or ". " not in line else line.rpartition(". ")[0] + "."


def _bare(name: str) -> str:
    return name.removesuffix(".yaml").removeprefix("configs/")
