"""Where the files of a run go."""

from pathlib import Path

from lightning.pytorch import Trainer


def run_dir(trainer: Trainer) -> str:
    """The run's folder: ``default_root_dir`` where that was chosen, or else the logger's folder. Collective.

    So pictures, checkpoints and configuration lie together whatever the logger.
    """
    chosen = Path(trainer.default_root_dir) != Path.cwd()
    return str(trainer.default_root_dir if chosen else trainer.log_dir or trainer.default_root_dir)


def relative_path(path: str | Path) -> str:
    """A path as a user would write it: relative to the working directory where it lies below it."""
    return str(path).replace(f"{Path.cwd()}/", "", 1)


def is_fast_dev_run(trainer: Trainer) -> bool:
    """Whether this is ``fast_dev_run``, which writes nothing."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
