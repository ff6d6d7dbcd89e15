"""The command line: ``fit``, ``validate`` and ``test`` are Lightning's; the plain commands stand beside them."""

from lightning_gans.cli.command import main

__all__ = ["main"]
