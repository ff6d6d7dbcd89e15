"""What a room of the package imports of its own accord."""

import importlib
import sys
from types import ModuleType
from unittest import mock

import lightning_gans


def brought_in(room, use, packages):
    """Which of some packages are there after a room was imported anew, without the package's front door, and used.

    In this process, where what may be imported is there already: a new one would take ten seconds for that.
    """
    alone = ModuleType("lightning_gans")
    alone.__path__ = lightning_gans.__path__
    with mock.patch.dict(sys.modules):
        for name in list(sys.modules):
            if name.partition(".")[0] in {"lightning_gans", *packages}:
                del sys.modules[name]
        sys.modules["lightning_gans"] = alone
        use(importlib.import_module(f"lightning_gans.{room}"))
        return packages & set(sys.modules)
