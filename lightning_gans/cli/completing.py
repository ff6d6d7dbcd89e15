"""``lightning_gans completion``: a shell script that knows commands, settings, configs and classes.

Written out here because jsonargparse's own scripts follow every class that could stand at every place, which takes
more than ten minutes for models that are made of networks and optimizers.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser
from torch import nn

import lightning_gans.models
from lightning_gans import data, networks, objectives
from lightning_gans.cli.arguments import optimization_fields
from lightning_gans.cli.command import plain_parser
from lightning_gans.cli.commands import COMMANDS, CompletionOptions
from lightning_gans.cli.configs import shipped_configs
from lightning_gans.cli.help import TRAINER_COMMANDS
from lightning_gans.cli.lightning_cli import SECTIONS
from lightning_gans.engine import Game
from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.evaluation import features

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


def print_script(options: CompletionOptions) -> None:
    """Print the script."""
    print(script(options.shell))


def script(shell: str) -> str:
    """The script for a shell, bash or zsh."""
    settings = {name: _options(plain_parser(name)) for name in COMMANDS}
    settings |= dict.fromkeys(TRAINER_COMMANDS, _trainer_options())
    settings |= {"configs": list(shipped_configs()), "completion": ["bash", "zsh"]}
    body = _BASH.format(
        shell=shell,
        commands=" ".join([*TRAINER_COMMANDS, *COMMANDS]),
        values=_cases(_values()),
        settings=_cases(settings),
    )
    return (_ZSH if shell == "zsh" else "") + body


def _cases(words: Mapping[str, list[str]]) -> str:
    return "\n".join(f'    {key}) words="{" ".join(found)}" ;;' for key, found in words.items())


def _values() -> dict[str, list[str]]:
    """What may follow a setting."""
    players = _classes(networks, nn.Module)
    return {
        "--config|-c": list(shipped_configs()),
        "--model": list(_classes(lightning_gans.models, Game)),
        "--data": list(_classes(data, data.ImageDataModule)),
        "--metrics.features": list(_classes(features, features.FeatureExtractor)),
        **{f"--model.{role}": [name for name in players if role.capitalize() in name] for role in _ROLES},
        "--model.divergence": [name for name in _classes(objectives, objectives.Divergence) if name != "Divergence"],
        "--ckpt_path": ["last"],
    }


def _options(parser: Any) -> list[str]:
    return [option for action in parser._actions for option in action.option_strings]


def _trainer_options() -> list[str]:
    """Options of Lightning's commands, with the settings of all models, networks and data of this package."""
    parser = LightningArgumentParser()
    parser.add_lightning_class_args(Trainer, "trainer")
    for name, cls in SECTIONS.items():
        parser.add_lightning_class_args(cls, name)
    top = ("--config", "--ckpt_path", "--seed_everything", "--print_config", "--help_all", "--model", "--data")
    return sorted({*(option for option in _options(parser) if len(option) > 2), *_nested(), *top})


def _nested() -> Iterator[str]:
    for model in _classes(lightning_gans.models, Game).values():
        yield from (f"--model.{setting}" for setting in constructor_defaults(model))
        for name in optimization_fields(model):
            yield f"--model.optimization.{name}"
            if f"{name}_scheduler" in optimization_fields(model):  # an optimizer
                yield from (f"--model.optimization.{name}.{setting}" for setting in ("class_path", "lr"))
    for name, network in _classes(networks, nn.Module).items():
        for role in (role for role in _ROLES if role.capitalize() in name):
            yield from (f"--model.{role}.{setting}" for setting in constructor_defaults(network))
    for each in _classes(data, data.ImageDataModule).values():
        yield from (f"--data.{setting}" for setting in constructor_defaults(each))


def _classes(module: Any, base: type) -> dict[str, Any]:
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: each for name, each in found.items() if inspect.isclass(each) and issubclass(each, base)}
