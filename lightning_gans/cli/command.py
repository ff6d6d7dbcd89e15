"""The command itself: which function answers, and what the user sees when something is wrong."""

import dataclasses
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from itertools import chain

from jsonargparse import ArgumentError, ArgumentParser

from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.configs import resolve_config_names
from lightning_gans.cli.messages import one_line, parsing_error, user_facing_error
from lightning_gans.errors import ConfigError, LightningGANsWarning

TRAINER_COMMANDS = {
    "fit": "Train a model, or go on with a checkpoint (--ckpt_path).",
    "validate": "Measure a checkpoint against the real images of its data (--ckpt_path).",
    "test": "The same; kept apart so that what is tested was never looked at before.",
    "predict": "Generate from the test data of a checkpoint (--ckpt_path), such as translations of its images.",
}
"""Lightning's, on a config of model, data and trainer."""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one line on stderr and exit code 2.

    Args:
        args: The command and its arguments; those of the process by default.
    """
    given = list(sys.argv[1:] if args is None else args)
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
        cause = user_facing_error(error)
        if cause is None:
            raise  # not the user's to mend
        print(f"lightning_gans: error: {_line(cause)}", file=sys.stderr)
        sys.exit(2)


def _dispatch(given: list[str]) -> None:
    name = given[0] if given else None
    if name in ("-h", "--help"):
        print(_overview(), end="")
    elif name == "--version":
        print(f"lightning_gans {version('lightning-gans')}")
    elif name in COMMANDS:
        _run_plain_command(name, given[1:])
    elif name in TRAINER_COMMANDS or (name is not None and name.startswith("-")):
        _run_trainer_command(given)
    else:
        raise ConfigError("command", name, f"choose one of {', '.join([*TRAINER_COMMANDS, *COMMANDS])}")


def _overview() -> str:
    """What ``lightning_gans --help`` says: Lightning would take seconds for less."""
    lines = ["usage: lightning_gans COMMAND ...", "", "Train, evaluate and sample generative adversarial networks.", ""]
    entries = chain(TRAINER_COMMANDS.items(), ((name, command.summary) for name, command in COMMANDS.items()))
    lines += [f"  {name:<16}{what}" for name, what in entries]
    return "\n".join([*lines, "", "lightning_gans COMMAND --help lists what a command takes.", ""])


def plain_parser(name: str) -> ArgumentParser:
    """The parser of a plain command."""
    command = COMMANDS[name]
    parser = ArgumentParser(
        prog=f"lightning_gans {name}", description=command.summary, exit_on_error=False, allow_abbrev=False
    )
    if command.word:
        (option,) = dataclasses.fields(command.options)
        what = (command.options.__doc__ or "").rpartition(f"{option.name}: ")[2].strip()
        parser.add_argument(option.name, nargs="?", default=option.default, help=what)
    else:
        parser.add_class_arguments(command.options, as_group=False, as_positional=True)
    return parser


def _run_plain_command(name: str, args: list[str]) -> None:
    parser, command = plain_parser(name), COMMANDS[name]
    flags = {f"--{each.name}" for each in dataclasses.fields(command.options) if each.default is False}
    try:
        parsed = parser.parse_args(_expand_flags(args, flags))
    except ArgumentError as error:
        raise parsing_error(error, args, [parser]) from error
    options = command.options(**parsed.as_dict())
    if command.needs_torch:
        _filter_warnings()
    command.run(options)


def _expand_flags(args: list[str], flags: set[str]) -> list[str]:
    """The same arguments with ``--no_ema true`` for a mere ``--no_ema``.

    Example:
        >>> _expand_flags(["a.ckpt", "--no_ema", "--seed", "3"], {"--no_ema"})
        ['a.ckpt', '--no_ema=true', '--seed', '3']
    """
    following = [*args[1:], ""]
    return [
        f"{arg}=true" if arg in flags and after not in ("true", "false") else arg
        for arg, after in zip(args, following, strict=False)
    ]


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
    """Keep off the screen what does not concern the user; what does, the closing summary says."""
    import lightning.pytorch  # noqa: F401 # sets a format of warnings and levels of its own when first imported

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if warnings.formatwarning is not _format_warning:
        _formatted.append(warnings.formatwarning)
        warnings.formatwarning = _format_warning
    warnings.simplefilter("always", LightningGANsWarning)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning on torch 2.13 and newer
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data are in memory
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")  # a resumed run continues in its folder
    warnings.filterwarnings("ignore", message=".*across ranks is zero.*")  # no validation inside fit: steps decide
    warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint.*")  # validation has none
    warnings.filterwarnings("ignore", message=".*dirpath has changed.*")  # the checkpoints are in another run's folder
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # steps are logged, not epochs


_formatted = [warnings.formatwarning]  # as Python or Lightning left it, last


def _format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning on the screen: this package's as one line, others as Python and Lightning show them."""
    if issubclass(category, LightningGANsWarning):
        return f"lightning_gans: {message}\n"
    return _formatted[-1](message, category, filename, lineno, line)


def _line(error: BaseException) -> str:
    """An error as one line that names what it is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return one_line(error)
