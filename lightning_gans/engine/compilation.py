"""Compilation of the players' networks, one by one."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lightning_gans.errors import ConfigError


def compile_networks(modules: Iterable[nn.Module]) -> None:
    """Compile each network in place: its keys in checkpoints stay as they are, and copies of it are not compiled.

    Of containers that cannot be called, what they hold. Only calls of the network itself run compiled; those of its
    other methods do not, nor do gradient penalties, which ask for the uncompiled form. Compilation happens in the first
    steps, which take longer.

    Raises:
        ConfigError: This Python or platform cannot compile.
    """
    # The compiler asks every tensor for its gradient, and torch warns that those in between have none.
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    for module in modules:
        if type(module).forward is nn.Module.forward:  # ModuleList and the like
            compile_networks(module.children())
        elif module._compiled_call_impl is None:
            try:
                module._compiled_call_impl = torch.compile(_call_of(module))
            except RuntimeError as error:
                raise _refusal(error) from error


def _call_of(module: nn.Module) -> Any:
    # The compiler of some torch releases passes over frames of torch itself, which is what ``Module.compile`` hands it,
    # and compiles nothing of an ``nn.Sequential``.
    return lambda *args, **kwargs: module._call_impl(*args, **kwargs)


@contextmanager
def compilation_refused(compiled: bool) -> Iterator[None]:
    """Turn what the compiler cannot do, which it finds out in the first steps, into one line: a ``ConfigError``."""
    try:
        yield
    except RuntimeError as error:
        if compiled and isinstance(error, torch._dynamo.exc.TorchDynamoException):
            raise _refusal(error) from error
        raise


def _refusal(error: Exception) -> ConfigError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    what = " ".join(lines[:2])[:200]
    return ConfigError("compile", True, f"cannot be done here ({what}); leave it out")
