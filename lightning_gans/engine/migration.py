"""Checkpoints of version 0.1, read by this one: one place for all that has other names since."""

from typing import Any

from lightning_gans.errors import ConfigError

KEY = "lightning_gans"
"""Where a checkpoint keeps the game's own state."""


def migrated(checkpoint: dict[str, Any]) -> dict[str, Any]:
    if KEY not in checkpoint:
        raise ConfigError("checkpoint", "no game in it", "it was not written by lightning_gans")
    return checkpoint
