"""What version 0.1 called otherwise, among flags and in config files: the line that names the new word.

The settings and classes are in ``lightning_gans.engine.renamed``, which reads old checkpoints with the same table.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from lightning_gans.cli.configs import CONFIG_FLAGS, config_content, split_flags

FLAGS = {"--raw": "--no_ema", "--num": "--num_samples"}
"""Of the plain commands."""

CONFIGS = {
    "tricks/diffaugment": "augment/diffaugment",
    "tricks/instance_noise": "augment/instance_noise",
    "tricks/label_smoothing": "regularizers/label_smoothing",
    "tricks/r1": "regularizers/r1",
    "tricks/top_k": "optimization/top_k",
    "tricks/ttur": "optimization/ttur",
}
"""Shipped configs, by name."""

_SECTIONS = {"model", "data", "trainer", "metrics", "samples", "checkpoint"}
_SHOWN = 8  # renamed words on one line


def renamed_words(args: Sequence[str]) -> str | None:
    """One line for the words of version 0.1 among the arguments and in the config files of a command; None for none."""
    words = split_flags(list(args), (*CONFIG_FLAGS, *FLAGS))
    found = {word: FLAGS[word] for word in words if word in FLAGS}
    for flag, value in pairwise(words):
        name = value.removesuffix(".yaml").removeprefix("configs/")
        if flag in CONFIG_FLAGS and name in CONFIGS and not Path(value).is_file():
            found[name] = CONFIGS[name]
    config = merged(words)
    if config.keys() & _SECTIONS:
        from lightning_gans.cli.arguments import class_at  # torch comes with it, which the plain commands do without
        from lightning_gans.engine.renamed import Translation

        found |= Translation(config, class_at).renamed
    lines = [f"{old} is now {new}" for old, new in list(found.items())[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    return f"{'; '.join(lines)} (renamed since version 0.1)" if lines else None


def merged(words: Sequence[str]) -> dict[str, Any]:
    """What files and flags set, one over the other, without ``init_args`` around the arguments of classes."""
    config: dict[str, Any] = {}
    for word, after in pairwise([*words, ""]):
        if word in CONFIG_FLAGS:
            _merge(config, _flat(config_content(after)))
        elif word.startswith("--"):
            name, assigned, value = word[2:].partition("=")
            value = value if assigned else "" if after.startswith("--") else after
            try:
                tree = _flat(yaml.safe_load(value))
            except yaml.YAMLError:
                tree = value
            for part in reversed(name.removesuffix("+").split(".")):
                tree = {part: tree} if part != "init_args" else tree
            _merge(config, tree)
    return config


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return [_flat(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    outer = {str(key): _flat(each) for key, each in value.items() if key != "init_args"}
    inner = value.get("init_args")
    return outer | (_flat(inner) if isinstance(inner, Mapping) else {})


def _merge(config: dict[str, Any], new: Any) -> None:
    """Set values over those of a config; a class that is named keeps the arguments that it had."""
    if not isinstance(new, Mapping):
        return
    for key, value in new.items():
        before = config.get(key)
        if isinstance(value, Mapping):
            inner = dict(before) if isinstance(before, Mapping) else {"class_path": before} if before else {}
            _merge(inner, value)
            config[key] = inner
        elif isinstance(before, dict) and isinstance(value, str):
            before["class_path"] = value
        else:
            config[key] = value
