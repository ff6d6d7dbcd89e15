"""``lightning_gans completion``: a shell script that knows commands, settings, configs and classes.

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
import lightning_gans.models
import lightning_gans.networks
import lightning_gans.objectives
from lightning_gans.cli.arguments import optimization_fields
from lightning_gans.cli.command import TRAINER_COMMANDS, plain_parser
from lightning_gans.cli.commands import COMMANDS, CompletionOptions
from lightning_gans.cli.configs import shipped_configs
from lightning_gans.cli.lightning_cli import SECTIONS
from lightning_gans.engine import Game
from lightning_gans.engine.constructors import constructor_defaults

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
    """Print the script.

    Args:
        options: Those of ``lightning_gans completion``.
    """
    print(script(options.shell))


def script(shell: str) -> str:
    """The script for a shell.

    Args:
        shell: bash or zsh.
    """
    options = {name: _plain_options(name) for name in COMMANDS} | dict.fromkeys(TRAINER_COMMANDS, _trainer_options())
    options["configs"] = list(shipped_configs())
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
    features = lightning_gans.evaluation.features
    networks = _classes(lightning_gans.networks, torch.nn.Module)
    return {
        "--config|-c": list(shipped_configs()),
        "--model": list(_classes(lightning_gans.models, Game)),
        "--data": list(_classes(lightning_gans.data, lightning_gans.data.ImageDataModule)),
        "--metrics.features": list(_classes(features, features.FeatureExtractor)),
        **{f"--model.{role}": [name for name in networks if role.capitalize() in name] for role in _ROLES},
        "--model.divergence": [name for name in _classes(divergences, divergences.Divergence) if name != "Divergence"],
        "--ckpt_path": ["last"],
    }


def _plain_options(name: str) -> list[str]:
    return [option for action in plain_parser(name)._actions for option in action.option_strings]


def _trainer_options() -> list[str]:
    """Options of Lightning's commands, with the settings of all models, networks and data of this package."""
    parser = LightningArgumentParser()
    parser.add_lightning_class_args(Trainer, "trainer")
    for name, cls in SECTIONS.items():
        parser.add_lightning_class_args(cls, name)
    options = [o for action in parser._actions for o in action.option_strings if len(o) > 2]
    return sorted({*options, *_nested(), "--config", "--ckpt_path", "--seed_everything", "--print_config"})


def _nested() -> Iterator[str]:
    for model in _classes(lightning_gans.models, Game).values():
        yield from (f"--model.{setting}" for setting in constructor_defaults(model))
        for name in optimization_fields(model):
            yield f"--model.optimization.{name}"
            if f"{name}_scheduler" in optimization_fields(model):  # an optimizer
                yield from (f"--model.optimization.{name}.{setting}" for setting in ("class_path", "lr"))
    for name, network in _classes(lightning_gans.networks, torch.nn.Module).items():
        for role in (role for role in _ROLES if role.capitalize() in name):
            yield from (f"--model.{role}.{setting}" for setting in constructor_defaults(network))
    for data in _classes(lightning_gans.data, lightning_gans.data.ImageDataModule).values():
        yield from (f"--data.{setting}" for setting in constructor_defaults(data))
    yield from ("--model", "--data")


def _classes(module: Any, base: type) -> dict[str, Any]:
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: each for name, each in found.items() if inspect.isclass(each) and issubclass(each, base)}
