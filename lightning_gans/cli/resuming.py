"""Going on with a checkpoint: with which settings, and whether there is anything left to do."""

import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from lightning_gans.callbacks.run_dir import relative_path
from lightning_gans.cli.runs import read_checkpoint
from lightning_gans.errors import ConfigError

_MOST = 10  # lines of differences


def load_config_from_checkpoint(args: list[str]) -> list[str]:
    """The same arguments; with the config that a checkpoint was trained with where only the checkpoint is given.

    Args:
        args: A command of Lightning's and its arguments.

    Raises:
        ConfigError: The checkpoint holds none, or ``last`` of no model is asked for.
    """
    words = [part for arg in args for part in (arg.split("=", 1) if arg.startswith("--") else [arg])]
    given = next((value for flag, value in pairwise(words) if flag == "--ckpt_path"), None)
    described = any(word in ("--config", "-c", "-h", "--help", "--model", "--model.class_path") for word in words)
    if given is None or described:
        return args
    if given == "last":
        raise ConfigError("--ckpt_path", "last", "of which model? give its --config too, or the checkpoint's path")
    config = read_checkpoint(given).get("config")
    if config is None:
        raise ConfigError("--ckpt_path", given, "a script trained it, and it holds no settings; give its --config")
    return [args[0], "--config", yaml.safe_dump(config | {"ckpt_path": None}), *args[1:]]


def exit_if_finished(path: Path, content: Mapping[str, Any], trainer: Namespace) -> None:
    """Say so and leave, with exit code 0, where a checkpoint has done all steps or epochs that are asked for.

    Args:
        path: The checkpoint.
        content: Its content.
        trainer: The trainer's config.
    """
    loop = content["loops"]["fit_loop"]
    whole = loop["epoch_loop.batch_progress"]["is_last_batch"]  # a checkpoint ends with a step, before its epoch does
    epochs = loop["epoch_progress"]["current"]["processed"] + int(whole)
    for setting, done, wanted in (
        ("max_steps", content["global_step"], trainer.max_steps),
        ("max_epochs", epochs, trainer.max_epochs),
    ):
        if wanted is not None and 0 <= wanted <= done:
            _print(
                f"nothing left to do: {relative_path(path)} has {done} of {wanted} ({setting}); "
                f"go on with --trainer.{setting} {done + max(wanted, 1)}"
            )
            sys.exit(0)


def warn_changed_settings(content: Mapping[str, Any], config: Mapping[str, Any]) -> set[str]:
    """Print the settings that differ from those that a checkpoint was trained with: the present ones win.

    Args:
        content: Of the checkpoint.
        config: The present config, as plain data.

    Returns:
        The names of the settings that differ; none where the checkpoint holds no config.
    """
    if "config" not in content:
        return set()
    before, now = dict(_settings(content["config"])), dict(_settings(config))
    known = before if "of_version_0_1" in content else before | now  # that knew nothing of what is new
    names = [name for name in known if before.get(name) != now.get(name) and name != "ckpt_path"]
    if names:
        _print(f"resumed from step {content['global_step']} with settings that differ from the checkpoint's:")
    for name in names[:_MOST]:
        _print(f"  {name.replace('.init_args.', '.')}: {before.get(name, 'none')} -> {now.get(name, 'none')}")
    if len(names) > _MOST:
        _print(f"  and {len(names) - _MOST} more")
    return set(names)


def _settings(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All settings of nested mappings, by their paths.

    Example:
        >>> list(_settings({"model": {"init_args": {"n": 5}}, "seed": 0}))
        [('model.init_args.n', 5), ('seed', 0)]
    """
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@rank_zero_only
def _print(line: str) -> None:
    print(line, flush=True)
