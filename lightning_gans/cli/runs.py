"""Where a run's files are: its folder, its W&B run, its checkpoints, and with which settings one goes on with these."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lightning_gans.callbacks.run_dir import relative_path
from lightning_gans.engine import Game
from lightning_gans.engine.migration import KEY, migrated
from lightning_gans.engine.renamed import Translation
from lightning_gans.engine.saving import load_checkpoint, resolve_class
from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8

PROJECT = "lightning_gans"
RUN_DIR = "LIGHTNING_GANS_RUN_DIR"  # how the processes of one run agree on its folder
_SHOWN = 10  # settings that differ


def new_run_dir(name: str, checkpoint: str | None) -> str:
    """A new folder for a run of a model, or that of the checkpoint it resumes; the same on all processes of the run."""
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


def require_writable(folder: str | Path, setting: str) -> None:
    """Make a folder before any work is done; a ``ConfigError`` names the setting where nothing can be written there."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = f"cannot be written to ({error.strerror}); choose another folder"
        raise ConfigError(setting, str(folder), hint) from error


def as_picture(image: Tensor) -> Image.Image:
    """An image (C, H, W) in [-1, 1], of 1 or 3 channels; gray stays gray.

    Raises:
        ConfigError: It has other channels.
    """
    if image.shape[0] not in (1, 3):
        raise ConfigError("checkpoint", f"{image.shape[0]} channels", "PNG files hold 1 or 3; use Python")
    picture: Image.Image = to_pil_image(to_uint8(image).cpu())
    return picture


def write_image(image: Tensor, file: Path) -> None:
    """Write an image as ``as_picture`` has it."""
    write_picture(as_picture(image), file)


def write_picture(picture: Image.Image, file: Path) -> None:
    """Write a picture as PNG, and make its folder.

    Raises:
        ConfigError: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(file)
    except OSError as error:
        raise ConfigError("--output", str(file), f"cannot be written ({error.strerror or error})") from error


def wandb_logger(folder: str, checkpoint: str | None, name: str) -> WandbLogger:
    """W&B, offline unless the user is logged in; it never asks. A resumed run continues the W&B run."""
    import wandb

    states = [] if checkpoint is None else read_checkpoint(checkpoint)["callbacks"].values()
    ids = [state["wandb_id"] for state in states if isinstance(state, dict) and "wandb_id" in state]
    logger = WandbLogger(
        name=f"{name}-{Path(folder).name}",
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        save_dir=folder,
        id=str(ids[0]) if ids and ids[0] else None,
        mode=os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False, verify=False) else "offline"),
        settings=wandb.Settings(silent=True),  # the closing summary says where the run is
    )
    logger._wandb_init.pop("anonymous")  # Lightning passes None, and W&B warns that it has no effect
    return logger


def find_checkpoint(given: str, name: str, root: str | None) -> tuple[Path, dict[str, Any]]:
    """The checkpoint that a user means, and its content; ``last`` is the newest last state of the model of a name.

    It is looked for in ``root``, the trainer's, or below ``runs/``.

    Raises:
        ConfigError: There is none, or it was not written by this package, or is of another model than ``last`` means.
    """
    if given != "last":
        return Path(given), read_checkpoint(given, setting="--ckpt_path")
    pattern = "checkpoints/last.ckpt" if root else f"runs/{name}/*/checkpoints/last.ckpt"
    found = _newest_first(Path(root or "."), pattern)
    if not found:
        raise ConfigError("--ckpt_path", given, f"no {Path(root or '') / pattern}; start without it, or give a path")
    content = read_checkpoint(found[0], found[1:], "--ckpt_path")
    kind = content[KEY]["class"].rpartition(".")[2]
    if kind.lower() != name:
        raise ConfigError("--ckpt_path", given, f"{found[0]} is of a {kind}; give the path of one of your model")
    return found[0], content


def read_checkpoint(path: str | Path, others: Sequence[Path] = (), setting: str = "checkpoint") -> dict[str, Any]:
    """The content of a checkpoint of this package; in the words of this version where version 0.1 wrote it.

    Raises:
        ConfigError: It is missing, damaged, or foreign; names the setting, and the next best in its folder or
            among the others, if any.
    """
    if Path(path).is_dir():
        inside = [*Path(path).glob("checkpoints/best.ckpt"), *_newest_first(Path(path), "**/*.ckpt")]
        hint = f"is a folder; take {relative_path(inside[0])}" if inside else "is a folder without checkpoints"
        raise ConfigError(setting, str(path), hint)
    if not Path(path).is_file():
        raise ConfigError(setting, str(path), "no such file; fit writes them to runs/<model>/<time>/checkpoints")
    try:
        content = load_checkpoint(path)
    except Exception as error:  # a damaged or foreign file fails in many ways, all of them the same news
        beside = [file for file in _newest_first(Path(path).parent, "*.ckpt") if file != Path(path)]
        sound = next((file for file in (*beside, *others) if _is_sound(file)), None)
        instead = "take another" if sound is None else f"take {relative_path(sound)}"
        known = isinstance(error, ConfigError)
        what = "some of it is not what was written" if known else f"or not a checkpoint: {type(error).__name__}"
        hint = f"damaged ({what}); {instead}"
        raise ConfigError(setting, str(path), hint) from error
    if not _is_ours(content):
        raise ConfigError(setting, str(path), "it was not written by lightning_gans; take one that was")
    if KEY not in content and "config" in content:
        content |= {"config": Translation(content["config"]).config, "of_version_0_1": True}
    return migrated(content)


def load_model(checkpoint: str, device: str | None) -> Game:
    """The model of a checkpoint to generate with, on a device, or on the accelerator, if there is one.

    Raises:
        ConfigError: The file is no checkpoint of this package, or there is no such device.
    """
    content = read_checkpoint(checkpoint)  # says better than Lightning what is wrong with it
    kind = resolve_class(content["hyper_parameters"].get("_class_path"), Game)
    model = Game.load_from_checkpoint(checkpoint, map_location="cpu", **dict.fromkeys(kind.training_only))
    try:
        return model.to(torch.device(device or torch.accelerator.current_accelerator(check_available=True) or "cpu"))
    except (RuntimeError, AssertionError) as error:  # as torch says that there is no such device
        line = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError("--device", device, f"cannot be used here ({line}); cpu always can") from error


def load_config_from_checkpoint(args: list[str]) -> list[str]:
    """The same arguments; with the config that a checkpoint was trained with where only the checkpoint is given."""
    words = [part for arg in args for part in (arg.split("=", 1) if arg.startswith("--") else [arg])]
    given = next((value for flag, value in pairwise(words) if flag == "--ckpt_path"), None)
    if given is None or {"--config", "-c", "-h", "--help", "--model", "--model.class_path"} & set(words):
        return args
    if given == "last":
        raise ConfigError("--ckpt_path", "last", "of which model? give its --config too, or the checkpoint's path")
    config = read_checkpoint(given, setting="--ckpt_path").get("config")
    if config is None:
        raise ConfigError("--ckpt_path", given, "a script trained it, and it holds no settings; give its --config")
    return [args[0], "--config", yaml.safe_dump(config | {"ckpt_path": None}), *args[1:]]


def exit_if_finished(path: Path, content: Mapping[str, Any], trainer: Namespace) -> None:
    """Say so and leave, with exit code 0, where a checkpoint has done all steps or epochs that are asked for."""
    loop = content["loops"]["fit_loop"]
    whole = loop["epoch_loop.batch_progress"]["is_last_batch"]  # a checkpoint ends with a step, before its epoch does
    epochs = loop["epoch_progress"]["current"]["processed"] + int(whole)
    for setting, done in (("max_steps", content["global_step"]), ("max_epochs", epochs)):
        wanted = trainer[setting]
        if wanted is not None and 0 <= wanted <= done:
            _print(
                f"nothing left to do: {relative_path(path)} has {done} of {wanted} ({setting}); "
                f"go on with --trainer.{setting} {done + max(wanted, 1)}"
            )
            sys.exit(0)


def warn_changed_settings(content: Mapping[str, Any], config: Mapping[str, Any]) -> set[str]:
    """Print and return the settings that differ from those that a checkpoint was trained with: the present ones win."""
    if "config" not in content:
        return set()
    before, now = dict(_settings(content["config"])), dict(_settings(config))
    known = before if "of_version_0_1" in content else before | now  # that knew nothing of what is new
    names = [name for name in known if before.get(name) != now.get(name) and name != "ckpt_path"]
    if names:
        _print(f"resumed from step {content['global_step']} with settings that differ from the checkpoint's:")
    for name in names[:_SHOWN]:
        _print(f"  {name.replace('.init_args.', '.')}: {before.get(name, 'none')} -> {now.get(name, 'none')}")
    if len(names) > _SHOWN:
        _print(f"  and {len(names) - _SHOWN} more")
    return set(names)


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    files = [file for file in folder.glob(pattern) if file.is_file()]  # links may lead nowhere
    return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)


def _is_sound(path: Path) -> bool:
    try:
        return _is_ours(load_checkpoint(path))
    except Exception:  # as above; whoever asks reports the file that was asked for
        return False


def _is_ours(content: Any) -> bool:
    known = isinstance(content, dict) and bool({KEY, "game"} & content.keys())  # "game": version 0.1
    return known and isinstance(content.get("hyper_parameters"), Mapping)


def _settings(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All settings of nested mappings, by their paths, such as ``model.init_args.latent_dim``."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@rank_zero_only
def _print(line: str) -> None:
    print(line, flush=True)
