"""What is computed once and kept on disk: where it lies, and how it gets there whole."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path


def default_cache() -> Path:
    """Where what was computed once is kept: ``~/.cache/lightning_gans``, or ``LIGHTNING_GANS_CACHE``."""
    return Path(os.environ.get("LIGHTNING_GANS_CACHE") or Path.home() / ".cache" / "lightning_gans")


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written under another name, and renamed when it is complete; makes its folder.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
