"""What ``lightning_gans fit --help`` says: Lightning's help, without the classes of all that is installed."""

import re
import textwrap

from lightning.pytorch.cli import LightningArgumentParser

TITLES = {
    "trainer": "Lightning's trainer",
    "model": "The model, its networks and how they learn (--model.help WGAN lists the settings of one)",
    "data": "The data (--data.help Digits lists the settings of one)",
    "metrics": "What is measured, and how often",
    "samples": "The pictures",
    "checkpoint": "What is saved, and how often",
}
"""Of the sections."""

_WIDTH, _INDENT = 80, 24
_SUBCLASSES = re.compile(r",\s+known\s+subclasses:\s+([^()]*)\)")


def usage(command: str) -> str:
    """One line in place of every option's.

    Args:
        command: The subcommand.
    """
    return f"lightning_gans {command} --config NAME [--config FILE ...] [--SECTION.SETTING VALUE ...]"


def name_sections(parser: LightningArgumentParser) -> None:
    """Head the sections by what they set; Lightning takes the first line of a docstring."""
    for name, group in (parser.groups or {}).items():
        if name in TITLES:
            group.title = TITLES[name]


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
    indent = " " * _INDENT
    return ", known:\n" + textwrap.fill(f"{', '.join(names)})", _WIDTH, initial_indent=indent, subsequent_indent=indent)
