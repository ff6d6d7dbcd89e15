"""Where the files of a run go, and where its real images come from."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch.utils.data import Dataset


def run_dir_of(trainer: Trainer) -> str:
    """The run's folder: ``default_root_dir`` where that was chosen, or else the logger's folder. Collective.

    So pictures, checkpoints and configuration lie together whatever the logger.

    Args:
        trainer: The trainer of the run.
    """
    if Path(trainer.default_root_dir) != Path.cwd():
        return str(trainer.default_root_dir)
    return str(trainer.log_dir or trainer.default_root_dir)


def real_images(trainer: Trainer) -> Dataset[Any] | None:
    """The images that samples are compared with: the datamodule's reference, or else the running loop's data set.

    Args:
        trainer: The trainer of the run.

    Returns:
        A data set with a length and items, or None where there is none.
    """
    datamodule: Any = getattr(trainer, "datamodule", None)
    if hasattr(datamodule, "reference"):
        found: Any = datamodule.reference()
    else:
        loader = trainer.train_dataloader
        if trainer.validating or trainer.testing:
            loader = trainer.val_dataloaders if trainer.validating else trainer.test_dataloaders
        found = getattr(loader[0] if isinstance(loader, list) else loader, "dataset", None)
    return found if hasattr(found, "__getitem__") and hasattr(found, "__len__") else None


def shown(path: str | Path) -> str:
    """A path as a user would write it: relative to the working directory where it lies below it."""
    return str(path).replace(f"{Path.cwd()}/", "", 1)


def is_fast_dev_run(trainer: Trainer) -> bool:
    """Whether this is ``fast_dev_run``, which writes nothing."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
