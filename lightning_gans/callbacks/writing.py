"""Checkpoints that are whole or not there: a file takes its name when all of it is on the disk."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from lightning_gans.engine.saving import require_undamaged
from lightning_gans.errors import ConfigError

UNFINISHED = ".unfinished"
"""How the name of a file ends while it is written."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the old file, waits for the disk, and renames: a kill or a full disk leaves the old file whole.

    Lightning's own collects the file in the system's temporary folder, often another disk, and copies it over the old
    one, which a kill can cut in two.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save a checkpoint; what lies on no local disk is left to Lightning.

        Raises:
            ConfigError: The disk is full, or the folder cannot be written to.
        """
        if "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        target = Path(path)
        partial = target.with_name(f".{target.name}{UNFINISHED}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            _settle(target.parent)
        except (OSError, RuntimeError) as error:
            cause = error.__context__ if isinstance(error, RuntimeError) else error  # torch covers it with its own
            if not isinstance(cause, OSError):
                raise
            hint = f"cannot be written ({cause.strerror}); what was saved before is whole: make room and resume from it"
            raise ConfigError("checkpoint", str(target), hint) from error
        finally:
            if partial.exists():
                partial.unlink()

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load a checkpoint, if its checksums are those that were written.

        Raises:
            ConfigError: They are not.
        """
        if Path(path).is_file():
            require_undamaged(path)
        return super().load_checkpoint(path, *args, **kwargs)


def _settle(folder: Path) -> None:
    """Let a new name in a folder reach the disk too, on systems that open folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
