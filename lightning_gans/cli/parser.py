"""Lightning's parser, with a help that can be read, which lets the config of a network leave open what the data say."""

import argparse
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from lightning_gans.cli.data_links import LINKED_ARGUMENTS
from lightning_gans.cli.help import TITLES
from lightning_gans.engine.player import LENGTHS

_WIDTH, _INDENT = 80, 24 * " "
_SUBCLASSES = re.compile(r",\s+known\s+subclasses:\s+([^()]*)\)")


class GameArgumentParser(LightningArgumentParser):
    """Lightning's parser; of the arguments of a network or model, none that is linked to the data is required.

    jsonargparse's links on instantiation would fill them in too, but they overwrite what the user says. Nor is the
    length of a schedule, which is that of the run.
    """

    def parse_args(self, args: Any = None, *more: Any, **kwargs: Any) -> Any:
        """Parse; jsonargparse hands a null of the command line on to the parser of a class within as ``None``."""
        if isinstance(args, list):
            args = [f"{arg.removesuffix('None')}null" if arg.endswith("=None") else arg for arg in args]
            for word, after in pairwise([*args, "-"]):
                self._show_if_asked(word, after)
        return super().parse_args(args, *more, **kwargs)

    def _show_if_asked(self, word: str, after: str) -> None:
        """For ``--help_all`` print all settings, for ``--SECTION.help`` without a class those of it, and leave."""
        section, groups = word.removeprefix("--").removesuffix(".help"), self.groups or {}
        if word == f"--{section}.help" and section in groups and after.startswith("-"):
            self._action_groups = [groups[section]]
        elif word != "--help_all":
            return
        self.print_help()
        self.exit()

    def add_class_arguments(self, theclass: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Add the arguments of a class."""
        added: list[str] = super().add_class_arguments(theclass, *args, **kwargs)
        for action in self._actions if inspect.isclass(theclass) else ():
            name = action.dest.rpartition(".")[2]
            if issubclass(theclass, nn.Module) and name in LINKED_ARGUMENTS:
                action.required, action.default = False, None  # open, unless it is given
            if issubclass(theclass, Logger) and name == "save_dir" and action.required:
                action.required, action.default = False, None  # the run's folder
            if issubclass(theclass, LRScheduler) and name in LENGTHS and action.required:
                action.required, action.default = False, 0  # as long as the run
        return added

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        """Lightning's, with sections headed by what they set, and without the classes of all that is installed."""
        if getattr(self, "_inner_parser", False):  # of one class, whose own docstring heads it
            self.usage = argparse.SUPPRESS
        else:
            for name, group in (self.groups or {}).items():
                group.title = TITLES.get(name, group.title)
        return without_foreign_classes(super().format_help(*args, **kwargs))


def without_foreign_classes(text: str) -> str:
    """A help text in which a setting's known classes are those of this package, by their mere names.

    Example:
        >>> print(without_foreign_classes("(type: Game, known subclasses: lightning_gans.GAN, other.Thing)"))
        (type: Game, known:
                                GAN)
    """
    return _SUBCLASSES.sub(_ours, text)


def _ours(found: re.Match[str]) -> str:
    paths = [path for path in re.sub(r"\s", "", found[1]).split(",") if path.startswith("lightning_gans.")]
    networks = [path for path in paths if path.startswith("lightning_gans.networks.")]  # of all that is a Module
    names = [path.rpartition(".")[2] for path in networks or paths]
    if not names:
        return ")"
    listed = textwrap.fill(f"{', '.join(names)})", _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return f", known:\n{listed}"
