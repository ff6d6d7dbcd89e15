"""A game's description, the words of ``fit``'s command line, read and changed without torch."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from lightning_gans.cli.configs import CONFIG_FLAGS, resolve_config_names, split_flags
from lightning_gans.cli.renamed import merged
from lightning_gans.errors import ConfigError

COMMAND = "lightning_gans fit"


@dataclass(frozen=True)
class Words:
    """The words behind ``lightning_gans fit``; the later ones win.

    Example:
        >>> words = Words(("--config", "gan", "--config", "data/ring")).with_value("model.latent_dim", 2)
        >>> words.value("model.latent_dim"), words.value("model.generator.hidden_dims")
        (2, [128, 128])
        >>> words.command
        'lightning_gans fit --config gan --config data/ring --model.latent_dim 2'
    """

    words: tuple[str, ...]

    @classmethod
    def of_command(cls, line: str) -> Self:
        """Those of a command line, with or without ``lightning_gans fit``.

        Raises:
            ConfigError: It is none.
        """
        try:
            words = shlex.split(line.replace("\\\n", " "))
        except ValueError as error:
            raise ConfigError("command", line, f"{error}; close the quotation") from error
        if words[:1] == ["lightning_gans"]:
            words = words[1:]
        words = words[1:] if words[:1] == ["fit"] else words
        if not words or not words[0].startswith("-"):
            raise ConfigError("command", line, f"write {COMMAND} --config gan --config data/ring, and settings")
        return cls(tuple(split_flags(words, CONFIG_FLAGS)))

    @property
    def command(self) -> str:
        """As one would type them."""
        return f"{COMMAND} {shlex.join(self.words)}"

    @property
    def configs(self) -> list[str]:
        """Names of the configs, in their order."""
        return [value for flag, value in pairwise(self.words) if flag in CONFIG_FLAGS]

    def value(self, setting: str, default: Any = None) -> Any:
        """What configs and words set last; a class by its bare name."""
        return value_in(self._merged, setting, default)

    @cached_property
    def _merged(self) -> dict[str, Any]:
        return merged(resolve_config_names([*self.words]))

    def with_value(self, setting: str, value: Any) -> Self:
        """With a setting; None takes away what the words say of it."""
        words = list(self.words)
        for index in reversed(range(len(words))):
            if words[index] == f"--{setting}":
                del words[index : index + 2]
            elif words[index].startswith(f"--{setting}="):
                del words[index]
        text = value if isinstance(value, str) else json.dumps(value)
        return type(self)((*words, *(() if value is None else (f"--{setting}", text))))

    def with_config(self, old: Sequence[str], new: str | None) -> Self:
        """With a config in the place of the first of some others, or behind the last config; None for none of them."""
        names = [new if name in old else name for name in self.configs]
        if new is not None and new not in names:
            names.append(new)
        kept = [name for name in dict.fromkeys(names) if name is not None]
        flags = {*CONFIG_FLAGS}
        rest = [word for before, word in pairwise(("", *self.words)) if word not in flags and before not in flags]
        return type(self)((*(word for name in kept for word in ("--config", name)), *rest))


def value_in(config: Any, setting: str, default: Any = None) -> Any:
    """A setting of a merged config.

    Example:
        >>> value_in({"model": {"generator": {"class_path": "torch.optim.SGD"}}}, "model.generator")
        'SGD'
    """
    for part in setting.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    if isinstance(config, dict):
        config = config.get("class_path")
    if isinstance(config, str):
        config = config.rpartition(".")[2]
    return default if config is None else config
