"""``lightning_gans completion``: a shell script that knows commands, settings, recipes and classes.

Written out here because jsonargparse's own scripts follow every class that could stand at every place, which takes
more than ten minutes for models that are made of networks and optimizers.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser

import lightning_gans.data
import lightning_gans.evaluation.features
import lightning_gans.objectives
import lightning_gans.models
import lightning_gans.networks
from lightning_gans.cli.arguments import arguments_of
from lightning_gans.cli.command import TRAINER_COMMANDS, plain_parser
from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.game_cli import SECTIONS
from lightning_gans.cli.recipes import recipes
from lightning_gans.engine import GAN, LatentModel
from lightning_gans.errors import ConfigError

_ROLES = ("generator", "discriminator", "encoder")
_ZSH = "autoload -U +X compinit && compinit && autoload -U +X bashcompinit && bashcompinit\n"
_BASH = """\
# Completion for lightning_gans. Load it with: source <(lightning_gans completion {shell})
_lightning_gans() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=( $(compgen -W "{commands}" -- "$word") )
    return
  fi
  case "$before" in
{values}
  esac
  if [ -z "$words" ] || [[ "$word" == -* ]]; then
    case "${{COMP_WORDS[1]}}" in
{settings}
    esac
  fi
  COMPREPLY=( $(compgen -W "$words" -- "$word") )
}}
complete -o default -o bashdefault -F _lightning_gans lightning_gans lightning-gans
"""


def script(shell: str) -> str:
    """The script for a shell.

    Args:
        shell: bash or zsh.

    Raises:
        ConfigError: It is another one.
    """
    if shell not in ("bash", "zsh"):
        raise ConfigError("shell", shell, "choose bash or zsh")
    options = {name: _plain_options(name) for name in COMMANDS} | dict.fromkeys(TRAINER_COMMANDS, _trainer_options())
    options["configs"] = list(recipes())
    options["completion"] = ["bash", "zsh"]
    body = _BASH.format(
        shell=shell,
        commands=" ".join([*TRAINER_COMMANDS, *COMMANDS]),
        values=_cases(_values()),
        settings=_cases(options, "  "),
    )
    return (_ZSH if shell == "zsh" else "") + body


def _cases(words: Mapping[str, list[str]], indent: str = "") -> str:
    return "\n".join(f'{indent}    {key}) words="{" ".join(found)}" ;;' for key, found in words.items())


def _values() -> dict[str, list[str]]:
    """What may follow a setting."""
    divergences = lightning_gans.objectives
    networks = _classes(lightning_gans.networks, torch.nn.Module)
    return {
        "--config|-c": list(recipes()),
        "--model": list(_models()),
        "--data": list(_classes(lightning_gans.data, lightning_gans.data.ImageData)),
        "--metrics.features": list(_classes(lightning_gans.evaluation.features, lightning_gans.evaluation.features.Extractor)),
        **{f"--model.{role}": [name for name in networks if role.capitalize() in name] for role in _ROLES},
        "--model.divergence": [name for name in _classes(divergences, divergences.Divergence) if name != "Divergence"],
        "--ckpt_path": ["last"],
    }


def _plain_options(name: str) -> list[str]:
    return [option for action in plain_parser(name)._actions for option in action.option_strings]


def _trainer_options() -> list[str]:
    """Options of Lightning's commands, with the settings of all models, networks and data of this package."""
    parser = LightningArgumentParser()
    for name, kind in {"trainer": Trainer, **SECTIONS}.items():
        parser.add_lightning_class_args(kind, name)
    options = [o for action in parser._actions for o in action.option_strings if len(o) > 2]
    return sorted({*options, *_nested(), "--config", "--ckpt_path", "--seed_everything", "--print_config"})


def _nested() -> Iterator[str]:
    for model in _models().values():
        yield from (f"--model.{setting}" for setting in arguments_of(model))
    for name, network in _classes(lightning_gans.networks, torch.nn.Module).items():
        for role in (role for role in _ROLES if role.capitalize() in name):
            yield from (f"--model.{role}.{setting}" for setting in arguments_of(network))
    for data in _classes(lightning_gans.data, object).values():
        yield from (f"--data.{setting}" for setting in arguments_of(data))
    for role in (*_ROLES, "autoencoder"):
        yield from (f"--model.{role}_optimizer.{setting}" for setting in ("class_path", "lr"))
    yield from ("--model", "--data")


def _models() -> dict[str, Any]:
    return {"GAN": GAN, **_classes(lightning_gans.models, LatentModel)}


def _classes(room: Any, base: type) -> dict[str, Any]:
    found = {name: getattr(room, name) for name in room.__all__}
    return {name: each for name, each in found.items() if inspect.isclass(each) and issubclass(each, base)}
