"""The command itself: which function answers, and what the user sees when something is wrong."""

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from lightning_gans.cli.evaluating import evaluate, train_features
from lightning_gans.cli.game_cli import GameCLI, RunConfig
from lightning_gans.cli.messages import flat, parsing_error, users_error
from lightning_gans.cli.runs import RUN_DIR
from lightning_gans.cli.sampling import sample
from lightning_gans.core import Game
from lightning_gans.errors import Advice, SettingError

COMMANDS: dict[str, Callable[..., None]] = {
    "sample": sample,
    "evaluate": evaluate,
    "train-features": train_features,
}
"""The plain commands: functions whose arguments are the command's."""

_formatted = warnings.formatwarning  # as Lightning left it

_USERS_ERRORS = (SettingError, MisconfigurationException, ArgumentError, OSError)


def main(args: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one line on stderr and exit code 2.

    Args:
        args: The command and its arguments; those of the process by default.
    """
    given = list(sys.argv[1:] if args is None else args)
    _quiet()
    try:
        known = [*GameCLI.subcommands(), *COMMANDS]
        if not given or (given[0] not in known and not given[0].startswith("-")):
            raise SettingError("command", given[0] if given else None, f"choose one of {', '.join(known)}")
        if given[0] in COMMANDS:
            _plain(given[0], given[1:])
        else:
            _lightning(given)
    except (ValueError, *_USERS_ERRORS) as error:
        cause = users_error(error) or error
        if not isinstance(cause, _USERS_ERRORS):
            raise  # not the user's to mend
        print(f"lightning_gans: error: {_line(cause)}", file=sys.stderr)
        sys.exit(2)
    except SIGTERMException:
        sys.exit(143)  # as a shell reports a process that SIGTERM ended; the last state is saved
    except KeyboardInterrupt:
        sys.exit(130)  # likewise, when Ctrl-C came before or after training


def _plain(name: str, args: list[str]) -> None:
    function = COMMANDS[name]
    what = (inspect.getdoc(function) or "").partition("\n")[0]
    parser = ArgumentParser(prog=f"lightning_gans {name}", description=what, exit_on_error=False)
    parser.add_function_arguments(function, as_group=False, as_positional=True)
    try:
        parsed = parser.parse_args(args)
    except ArgumentError as error:
        raise parsing_error(error, [parser]) from error
    function(**parsed.as_dict())


def _lightning(args: list[str]) -> None:
    parser: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
    plain = ", ".join(COMMANDS)
    epilog = f"Further commands: {plain} (lightning_gans COMMAND --help)."
    sys.argv = [sys.argv[0], *args]  # Lightning reads it too
    inherited = os.environ.get(RUN_DIR)
    try:
        GameCLI(
            Game,
            LightningDataModule,
            save_config_callback=RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            trainer_defaults={
                "enable_model_summary": False,  # RunSummary says how large each player is
                "max_epochs": -1,
                "num_sanity_val_steps": 0,
            },
            seed_everything_default=0,
            parser_kwargs={
                **parser,
                "prog": "lightning_gans",
                "description": "Train, evaluate and sample generative adversarial networks.",
                "epilog": epilog,
                **dict.fromkeys(GameCLI.subcommands(), parser),
            },
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
        )
    finally:
        if inherited is None:
            os.environ.pop(RUN_DIR, None)  # the next run of this process gets a folder of its own


def _quiet() -> None:
    """Keep advice that does not concern the user off the screen; what does, the closing summary says."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.formatwarning = _warning
    warnings.simplefilter("always", Advice)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning on torch 2.13 and newer
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data are in memory
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")  # a resumed run continues in its folder
    warnings.filterwarnings("ignore", message=".*across ranks is zero.*")  # no validation inside fit: rounds decide
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # rounds are logged, not epochs


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning on the screen: advice as one line, others as Python and Lightning show them."""
    if issubclass(category, Advice):
        return f"lightning_gans: {message}\n"
    return _formatted(message, category, filename, lineno, line)


def _line(error: Exception) -> str:
    """An error as one line that names what it is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return flat(error)
