"""The command itself: which function answers, and what the user sees when something is wrong."""

import dataclasses
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.configs import resolve_config_names
from lightning_gans.cli.help import EXAMPLES, TRAINER_COMMANDS, nothing_given, short_help
from lightning_gans.cli.messages import ParsingError, parsing_error, user_facing_error
from lightning_gans.errors import ConfigError, LightningGANsWarning

_IGNORED = (
    "LeafSpec",  # Lightning on torch 2.13 and newer
    "does not have many workers",  # the data are in memory
    "exists and is not empty",  # a resumed run continues in its folder
    "across ranks is zero",  # no validation inside fit: steps decide
    "callbacks used to create the checkpoint",  # validation has none
    "dirpath has changed",  # the checkpoints are in another run's folder
    "smaller than the logging interval",  # steps are logged, not epochs
)
"""Of others' warnings: what does not concern the user. What does, the closing summary says."""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command, the process's own by default; what the user can mend is one line on stderr and exit code 2."""
    given = list(sys.argv[1:] if args is None else args)
    # Before torch comes: its threads wait asleep, for others spin, and a game beside a busy program hardly moves.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that classes of the user's own are found where the command is given
    try:
        _dispatch(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell reports a process that Ctrl-C ended
    except SystemExit as leaving:
        if isinstance(leaving.__context__, KeyboardInterrupt):  # during training: Lightning leaves with 1
            sys.exit(130)
        if type(leaving) is not SystemExit:  # Lightning's SIGTERMException
            sys.exit(143)
        raise
    except BrokenPipeError:  # the reader has seen enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes
    except Exception as error:
        line = user_facing_error(error)
        if line is None:
            raise  # not the user's to mend
        print(f"lightning_gans: error: {line}", file=sys.stderr)
        sys.exit(2)


def _dispatch(given: list[str]) -> None:
    name = given[0] if given else None
    summaries = TRAINER_COMMANDS | {each: command.summary for each, command in COMMANDS.items()}
    if name in ("-h", "--help"):  # Lightning would take seconds for less
        print("usage: lightning_gans COMMAND ...\n\nTrain, evaluate and sample generative adversarial networks.\n")
        print("\n".join(f"  {each:<16}{what}" for each, what in summaries.items()))
        print("\nlightning_gans COMMAND --help lists what a command takes.")
    elif name == "--version":
        print(f"lightning_gans {version('lightning-gans')}")
    elif name in EXAMPLES and len(given) == 1:
        raise ParsingError(nothing_given(name))
    elif name in COMMANDS:
        _run_plain_command(name, given[1:])
    elif name in TRAINER_COMMANDS and {"-h", "--help"} & set(given):
        print(short_help(name, given))
    elif name in TRAINER_COMMANDS:
        _run_trainer_command(given)
    else:
        raise ConfigError("command", name, f"choose one of {', '.join(summaries)}")


def plain_parser(name: str) -> ArgumentParser:
    """The parser of a plain command."""
    command = COMMANDS[name]
    settings: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
    if name in EXAMPLES:
        settings["epilog"] = f"Such as: lightning_gans {name} {EXAMPLES[name][0]}"
    parser = ArgumentParser(prog=f"lightning_gans {name}", description=command.summary, **settings)
    option, *others = dataclasses.fields(command.options)
    if others:
        parser.add_class_arguments(command.options, as_group=False, as_positional=True)
    else:  # a mere word, which may be left out
        what = (command.options.__doc__ or "").rpartition(f"{option.name}: ")[2].strip()
        parser.add_argument(option.name, nargs="?", default=option.default, help=what)
    return parser


def _run_plain_command(name: str, args: list[str]) -> None:
    parser, (kind, function) = plain_parser(name), COMMANDS[name]
    flags = {f"--{each.name}" for each in dataclasses.fields(kind) if each.default is False}
    pairs = {f"--{each.name}" for each in dataclasses.fields(kind) if "tuple[int, int]" in str(each.type)}
    try:
        options = kind(**parser.parse_args(_expand_flags(_join_pairs(args, pairs), flags)).as_dict())
    except ArgumentError as error:
        raise parsing_error(error, args, parser) from error
    module, _, work = function.partition(":")
    path = module if "." in module else f"lightning_gans.cli.{module}"
    do: Callable[[Any], None] = getattr(importlib.import_module(path), work)
    if "lightning" in sys.modules:
        _filter_warnings()
    try:
        do(options)
    except ConfigError as error:
        raise _in_flags(error, options) from None  # it may be the same one


def _in_flags(error: ConfigError, options: Any) -> ConfigError:
    """An error under the flag that it is about, or that its value was given with, if there is one."""
    flags = [each.name for each in dataclasses.fields(options) if each.default is not dataclasses.MISSING]
    for name in flags:
        if name == error.name or (isinstance(error.value, str) and getattr(options, name) == error.value):
            return ConfigError(f"--{name}", error.value, error.hint.replace("download=True", "--download"))
    return error


def _expand_flags(args: list[str], flags: set[str]) -> list[str]:
    """The same arguments with ``--no_ema true`` for a mere ``--no_ema``.

    Example:
        >>> _expand_flags(["a.ckpt", "--no_ema", "--seed", "3"], {"--no_ema"})
        ['a.ckpt', '--no_ema=true', '--seed', '3']
    """
    pairs = pairwise([*args, ""])
    return [f"{arg}=true" if arg in flags and after not in ("true", "false") else arg for arg, after in pairs]


def _join_pairs(args: list[str], names: set[str]) -> list[str]:
    """The same arguments with ``--style_mixing=[4, 6]`` for ``--style_mixing 4 6``.

    Example:
        >>> _join_pairs(["a.ckpt", "--style_mixing", "4", "6", "--seed", "3"], {"--style_mixing"})
        ['a.ckpt', '--style_mixing=[4, 6]', '--seed', '3']
    """
    joined, rest = [], list(args)
    while rest:
        one, *rest = rest
        if one in names and len(rest) > 1 and all(each.isdigit() for each in rest[:2]):
            one, rest = f"{one}=[{rest[0]}, {rest[1]}]", rest[2:]
        joined.append(one)
    return joined


def _run_trainer_command(args: list[str]) -> None:
    from lightning_gans.cli.lightning_cli import run
    from lightning_gans.cli.runs import RUN_DIR

    _filter_warnings()
    inherited = os.environ.get(RUN_DIR)
    try:
        run(resolve_config_names(args))
    finally:
        if inherited is None:
            os.environ.pop(RUN_DIR, None)  # the next run of this process gets a folder of its own


def _filter_warnings() -> None:
    """Settle what the user sees, after Lightning, which sets a format and levels of its own when first imported."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if getattr(warnings.formatwarning, "func", None) is not _format_warning:
        warnings.formatwarning = partial(_format_warning, warnings.formatwarning)
    warnings.simplefilter("always", LightningGANsWarning)
    for words in _IGNORED:
        warnings.filterwarnings("ignore", message=f".*{words}.*")


def _format_warning(theirs: Callable[..., str], message: Warning | str, category: type[Warning], *where: Any) -> str:
    """A warning on the screen: this package's as one line, others as Python and Lightning show them."""
    if issubclass(category, LightningGANsWarning):
        return f"lightning_gans: {message}\n"
    return theirs(message, category, *where)
