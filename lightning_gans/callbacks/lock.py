"""A folder into which one run writes at a time."""

import os
import socket
from datetime import datetime
from pathlib import Path
from typing import IO

from lightning_gans.callbacks.run_dir import relative_path
from lightning_gans.engine.checks import warn
from lightning_gans.errors import ConfigError


class FolderLock:
    """Held by one process, and given up with it, however it ends: a killed run keeps nobody out.

    A lock of the operating system on the file ``.lock``; processes of other machines see it as far as the file system
    that they share tells them. Windows has none.
    """

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def acquire(self, folder: Path, setting: str) -> None:
        """Make the folder and take it; errors name the setting that it comes from.

        Raises:
            ConfigError: Another process has it, or nothing can be written there.
        """
        if os.name != "posix" or self._file is not None:
            return
        import fcntl

        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / ".lock").open("a+")
        except OSError as error:
            hint = f"cannot be written to ({error.strerror}); choose another folder"
            raise ConfigError(setting, relative_path(folder), hint) from error
        try:
            # Of a process, not of an open file, as flock is: workers that were forked do not hold it when this dies.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = file.read() or "another process"
            file.close()
            hint = f"in use by {holder}; choose another folder, or wait for its end"
            raise ConfigError(setting, relative_path(folder), hint) from None
        except OSError as error:
            file.close()
            warn(f"{folder} cannot be locked ({error.strerror}): make sure that no other run writes there")
            return
        if not _is_at(file, folder / ".lock"):  # whoever had it removed the file just now
            file.close()
            self.acquire(folder, setting)
            return
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back, if it was taken."""
        if self._file is not None:
            Path(self._file.name).unlink(missing_ok=True)
            self._file.close()
            self._file = None


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
