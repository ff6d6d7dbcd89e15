"""The command itself: which function answers, and what the user sees when something is wrong."""

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import chain

from jsonargparse import ArgumentError, ArgumentParser

from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.messages import flat, parsing_error, running_error
from lightning_gans.cli.recipes import with_recipes
from lightning_gans.errors import LightningGANsWarning, ConfigError

TRAINER_COMMANDS = {
    "fit": "Train a model, or go on with a checkpoint (--ckpt_path).",
    "validate": "Measure a checkpoint against the real images of its data (--ckpt_path).",
    "test": "The same; kept apart so that what is tested was never looked at before.",
}
"""Lightning's, on a configuration of model, data and trainer."""

_WORDS = {
    "configs": "Recipe to print, such as wgan or data/mnist; all are listed without it.",
    "completion": "The shell, bash or zsh.",
}
"""Commands that take one word or none, and what it is."""

_LIGHT = ("configs",)  # commands that need neither torch nor Lightning


def main(args: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one line on stderr and exit code 2.

    Args:
        args: The command and its arguments; those of the process by default.
    """
    given = list(sys.argv[1:] if args is None else args)
    try:
        _answer(given)
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
        cause = running_error(error)
        if cause is None:
            raise  # not the user's to mend
        print(f"lightning_gans: error: {_line(cause)}", file=sys.stderr)
        sys.exit(2)


def _answer(given: list[str]) -> None:
    name = given[0] if given else None
    if name in ("-h", "--help"):
        print(_overview(), end="")
    elif name == "--version":
        print(f"lightning_gans {version('lightning-gans')}")
    elif name in COMMANDS:
        _plain(name, given[1:])
    elif name in TRAINER_COMMANDS or (name is not None and name.startswith("-")):
        _lightning(given)
    else:
        raise ConfigError("command", name, f"choose one of {', '.join([*TRAINER_COMMANDS, *COMMANDS])}")


def _overview() -> str:
    """What ``lightning_gans --help`` says: Lightning would take seconds for less."""
    lines = ["usage: lightning_gans COMMAND ...", "", "Train, evaluate and sample generative adversarial networks.", ""]
    entries = chain(TRAINER_COMMANDS.items(), ((name, _first_line(each)) for name, each in COMMANDS.items()))
    lines += [f"  {name:<16}{what}" for name, what in entries]
    return "\n".join([*lines, "", "lightning_gans COMMAND --help lists what a command takes.", ""])


def plain_parser(name: str) -> ArgumentParser:
    """The parser of a plain command."""
    function = COMMANDS[name]
    parser = ArgumentParser(prog=f"lightning_gans {name}", description=_first_line(function), exit_on_error=False)
    if name in _WORDS:
        (setting,) = inspect.signature(function).parameters.values()
        parser.add_argument(setting.name, nargs="?", default=setting.default, help=_WORDS[name])
    else:
        parser.add_function_arguments(function, as_group=False, as_positional=True)
    return parser


def _plain(name: str, args: list[str]) -> None:
    parser, function = plain_parser(name), COMMANDS[name]
    flags = {f"--{each.name}" for each in inspect.signature(function).parameters.values() if each.default is False}
    try:
        parsed = parser.parse_args(_spelled_out(args, flags))
    except ArgumentError as error:
        raise parsing_error(error, [parser]) from error
    if name not in _LIGHT:
        _quiet()
    function(**parsed.as_dict())


def _spelled_out(args: list[str], flags: set[str]) -> list[str]:
    """The same arguments with ``--raw true`` for a mere ``--raw``.

    Example:
        >>> _spelled_out(["a.ckpt", "--raw", "--num", "3"], {"--raw"})
        ['a.ckpt', '--raw=true', '--num', '3']
    """
    following = [*args[1:], ""]
    return [
        f"{arg}=true" if arg in flags and after not in ("true", "false") else arg
        for arg, after in zip(args, following, strict=False)
    ]


def _lightning(args: list[str]) -> None:
    from lightning_gans.cli.game_cli import run
    from lightning_gans.cli.runs import RUN_DIR

    _quiet()
    inherited = os.environ.get(RUN_DIR)
    try:
        run(with_recipes(args))
    finally:
        if inherited is None:
            os.environ.pop(RUN_DIR, None)  # the next run of this process gets a folder of its own


def _first_line(function: Callable[..., None]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _quiet() -> None:
    """Keep advice that does not concern the user off the screen; what does, the closing summary says."""
    import lightning.pytorch  # noqa: F401 # sets a format of warnings and levels of its own when first imported

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if warnings.formatwarning is not _warning:
        _formatted.append(warnings.formatwarning)
        warnings.formatwarning = _warning
    warnings.simplefilter("always", LightningGANsWarning)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning on torch 2.13 and newer
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data are in memory
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")  # a resumed run continues in its folder
    warnings.filterwarnings("ignore", message=".*across ranks is zero.*")  # no validation inside fit: steps decide
    warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint.*")  # validation has none
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # steps are logged, not epochs


_formatted = [warnings.formatwarning]  # as Python or Lightning left it, last


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning on the screen: advice as one line, others as Python and Lightning show them."""
    if issubclass(category, LightningGANsWarning):
        return f"lightning_gans: {message}\n"
    return _formatted[-1](message, category, filename, lineno, line)


def _line(error: BaseException) -> str:
    """An error as one line that names what it is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return flat(error)
