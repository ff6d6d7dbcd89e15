"""Where a run's files are: its folder, its checkpoints, its W&B run."""

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import WandbLogger

from lightning_gans.callbacks.run_dir import relative_path
from lightning_gans.engine import Game
from lightning_gans.engine.migration import KEY, migrated
from lightning_gans.engine.renamed import Translation
from lightning_gans.errors import ConfigError

PROJECT = "lightning_gans"
RUN_DIR = "LIGHTNING_GANS_RUN_DIR"  # how the processes of one run agree on its folder


def new_run_dir(name: str, checkpoint: str | None) -> str:
    """A new folder for a run, or that of the checkpoint it resumes; the same on all processes of the run.

    Args:
        name: Of the model.
        checkpoint: The checkpoint that the run resumes, if it does.
    """
    if checkpoint is not None and Path(checkpoint).parent.name == "checkpoints":
        return str(Path(checkpoint).parent.parent)
    if RUN_DIR not in os.environ:
        stamp = os.environ.get("SLURM_JOB_ID") or datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        folder, count = Path("runs") / name / stamp, 1
        while folder.exists():
            count += 1
            folder = Path("runs") / name / f"{stamp}_{count}"
        os.environ[RUN_DIR] = str(folder)
    return os.environ[RUN_DIR]


def require_writable(folder: str, setting: str) -> None:
    """Make a folder before any work is done.

    Args:
        folder: The folder.
        setting: Where another one can be chosen.

    Raises:
        ConfigError: Nothing can be written there.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = f"cannot be written to ({error.strerror}); choose another folder"
        raise ConfigError(setting, folder, hint) from error


def wandb_logger(folder: str, checkpoint: str | None, name: str) -> WandbLogger:
    """W&B, offline unless the user is logged in; it never asks. A resumed run continues the same W&B run.

    Args:
        folder: Of the run.
        checkpoint: The checkpoint that the run resumes, if it does.
        name: Of the model.
    """
    import wandb

    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False, verify=False) else "offline")
    logger = WandbLogger(
        name=f"{name}-{Path(folder).name}",
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        save_dir=folder,
        id=None if checkpoint is None else _wandb_id(checkpoint),
        mode=mode,
        settings=wandb.Settings(silent=True),  # the closing summary says where the run is
    )
    logger._wandb_init.pop("anonymous")  # Lightning passes None, and W&B warns that it has no effect
    return logger


def _wandb_id(checkpoint: str) -> str | None:
    for state in read_checkpoint(checkpoint)["callbacks"].values():
        if isinstance(state, dict) and "wandb_id" in state:
            return str(state["wandb_id"]) if state["wandb_id"] else None
    return None


def find_checkpoint(given: str, name: str, root: str | None) -> tuple[Path, dict[str, Any]]:
    """The checkpoint that a user means; ``last`` is the newest last state in the given folder, or of this model.

    Args:
        given: A path, or ``last``.
        name: Of the model.
        root: ``trainer.default_root_dir``, if it was given.

    Returns:
        Its path and content.

    Raises:
        ConfigError: There is none, or it was not written by this package, or is of another model than ``last`` means.
    """
    if given != "last":
        return Path(given), read_checkpoint(given)
    pattern = "checkpoints/last.ckpt" if root else f"runs/{name}/*/checkpoints/last.ckpt"
    found = _newest_first(Path(root or "."), pattern)
    if not found:
        raise ConfigError("--ckpt_path", given, f"no {Path(root or '') / pattern}; start without it, or give a path")
    content = read_checkpoint(found[0], found[1:])
    kind = content[KEY]["class"].rpartition(".")[2]
    if kind.lower() != name:
        raise ConfigError("--ckpt_path", given, f"{found[0]} is of a {kind}; give the path of one of your model")
    return found[0], content


def read_checkpoint(path: str | Path, others: Sequence[Path] = ()) -> dict[str, Any]:
    """The content of a checkpoint of this package; in the words of this version where version 0.1 wrote it.

    Args:
        path: The file.
        others: Files that would do instead, the best first, besides those in the same folder.

    Raises:
        ConfigError: It is missing, damaged, or foreign; names the next best one, where there is any.
    """
    if Path(path).is_dir():
        inside = [*Path(path).glob("checkpoints/best.ckpt"), *_newest_first(Path(path), "**/*.ckpt")]
        hint = f"is a folder; take {relative_path(inside[0])}" if inside else "is a folder without checkpoints"
        raise ConfigError("checkpoint", str(path), hint)
    if not Path(path).is_file():
        raise ConfigError("checkpoint", str(path), "no such file; fit writes them to runs/<model>/<time>/checkpoints")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or foreign file fails in many ways, all of them the same news
        beside = [file for file in _newest_first(Path(path).parent, "*.ckpt") if file != Path(path)]
        sound = next((file for file in (*beside, *others) if _is_sound(file)), None)
        instead = "take another" if sound is None else f"take {relative_path(sound)}"
        raise ConfigError(
            "checkpoint", str(path), f"damaged, or not a checkpoint ({type(error).__name__}); {instead}"
        ) from error
    if not _is_ours(content):
        raise ConfigError("checkpoint", str(path), "it was not written by lightning_gans; take one that was")
    if KEY not in content and "config" in content:
        content |= {"config": Translation(content["config"]).config, "of_version_0_1": True}
    return migrated(content)


def load_model(checkpoint: str, device: str | None) -> Game:
    """The model of a checkpoint.

    Args:
        checkpoint: The file.
        device: Where it shall compute; None for the accelerator, if there is one.

    Raises:
        ConfigError: The file is no checkpoint of this package, or there is no such device.
    """
    read_checkpoint(checkpoint)  # says better than Lightning what is wrong with it
    where = torch.accelerator.current_accelerator(check_available=True) if device is None else None
    model = Game.load_from_checkpoint(checkpoint, map_location="cpu")
    try:
        return model.to(torch.device(device or "cpu") if where is None else where)
    except (RuntimeError, AssertionError) as error:  # as torch says that there is no such device
        line = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError("--device", device, f"cannot be used here ({line}); cpu always can") from error


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)


def _is_sound(path: Path) -> bool:
    try:
        return _is_ours(torch.load(path, map_location="cpu", weights_only=True))
    except Exception:  # as above; whoever asks reports the file that was asked for
        return False


def _is_ours(content: Any) -> bool:
    return isinstance(content, dict) and bool({KEY, "game"} & content.keys())  # "game": version 0.1
