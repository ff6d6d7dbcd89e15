"""The command line: ``fit``, ``validate`` and ``test`` are Lightning's; the plain commands stand beside them."""

import difflib
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from jsonargparse.typing import import_object
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torchvision.utils import save_image

import lightning_gans.data as data_module
import lightning_gans.features as features_module
import lightning_gans.models as models_module
import lightning_gans.networks as networks_module
from lightning_gans.callbacks import GameCheckpoint, MetricsCallback, RoundsBar, RunSummary, SampleGrid
from lightning_gans.callbacks.samples import columns, grid
from lightning_gans.core import GAN, ConditionalGAN, Game
from lightning_gans.errors import SettingError

PROJECT = "lightning_gans"
_RUN_DIR = "LIGHTNING_GANS_RUN_DIR"  # how the processes of one run agree on its folder


class RunConfig(SaveConfigCallback):
    """Saves the configuration to the run's folder, from which it can be rerun, and to W&B."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Show the configuration in W&B."""
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams({"config": self.config.as_dict()})


class GameCLI(LightningCLI):
    """Lightning's command line, with the facts of the data filled into the networks, and a folder for each run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the callbacks sections of their own, which merge between files; a list would be replaced."""
        parser.add_lightning_class_args(MetricsCallback, "metrics")
        parser.add_lightning_class_args(SampleGrid, "samples")
        parser.add_lightning_class_args(GameCheckpoint, "checkpoint")

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Without ``predict``: what a generator predicts are samples, which ``lightning_gans sample`` makes."""
        skipped = LightningCLI.subcommands()
        return {name: skipped[name] for name in ("fit", "validate", "test")}

    def _parse_ckpt_path(self) -> None:
        """What the user configured wins over what a checkpoint remembers (Lightning lets the checkpoint win)."""

    def before_instantiate_classes(self) -> None:
        """Find the checkpoint and tell the networks what the data look like."""
        config = self.config[self.subcommand]
        if config.get("ckpt_path"):
            config.ckpt_path = str(_checkpoint_path(config.ckpt_path, _run_name(config)))
        fill_facts(config)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401
        """Settle the run's folder and the default logger; neither is written to the saved configuration."""
        config = self.config[self.subcommand]
        logger, root = config.trainer.logger, config.trainer.default_root_dir
        checkpoint = config.get("ckpt_path")
        kwargs["default_root_dir"] = folder = root or _run_dir(_run_name(config), checkpoint)
        if (logger is None or logger is True) and not config.trainer.fast_dev_run:
            kwargs["logger"] = _wandb_logger(folder, checkpoint, _run_name(config))
        return super().instantiate_trainer(**kwargs)


def fill_facts(config: Namespace) -> None:
    """Fill ``image_shape``, ``num_classes`` and ``latent_dim`` into the model and the networks that leave them unset.

    The same recipe then fits any data set, and the checkpoint describes itself. Unset means None or the argument's
    own default.

    Args:
        config: Configuration of a subcommand, with ``model`` and ``data`` as ``class_path`` and ``init_args``.
    """
    facts = {"latent_dim": config.model.init_args.get("latent_dim")}
    if config.get("data") is not None:
        data = import_object(config.data.class_path)(**config.data.init_args.as_dict())
        facts |= {name: getattr(data, name, None) for name in ("image_shape", "num_classes")}
    nodes = [config.model, *(v for v in vars(config.model.init_args).values() if isinstance(v, Namespace))]
    for node in nodes:
        if "class_path" not in node or "init_args" not in node:
            continue
        parameters = inspect.signature(import_object(node.class_path)).parameters
        for name, value in facts.items():
            unset = name in parameters and node.init_args.get(name) in (None, parameters[name].default)
            if unset and value is not None:
                node.init_args[name] = list(value) if isinstance(value, tuple) else value


def _run_name(config: Namespace) -> str:
    return str(config.model.class_path).rpartition(".")[2].lower()


def _run_dir(name: str, checkpoint: str | None) -> str:
    """A new folder for a run, or that of the checkpoint it resumes; the same on all processes of the run."""
    if checkpoint is not None and Path(checkpoint).parent.name == "checkpoints":
        return str(Path(checkpoint).parent.parent)
    if _RUN_DIR not in os.environ:
        stamp = os.environ.get("SLURM_JOB_ID") or datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        folder, count = Path("runs") / name / stamp, 1
        while folder.exists():
            count += 1
            folder = Path("runs") / name / f"{stamp}_{count}"
        os.environ[_RUN_DIR] = str(folder)
    return os.environ[_RUN_DIR]


def _wandb_logger(folder: str, checkpoint: str | None, name: str) -> WandbLogger:
    """W&B, offline unless the user is logged in; it never asks. A resumed run continues the same W&B run."""
    import wandb

    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False, verify=False) else "offline")
    if rank_zero_only.rank == 0:
        Path(folder).mkdir(parents=True, exist_ok=True)
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
    for state in _read(checkpoint)["callbacks"].values():
        if isinstance(state, dict) and "wandb_id" in state:
            return str(state["wandb_id"]) if state["wandb_id"] else None
    return None


def _checkpoint_path(given: str, name: str) -> Path:
    """The checkpoint that a user means; ``last`` is the newest last state of this model under ``runs``.

    Raises:
        SettingError: There is none, or it was not written by this package.
    """
    path = Path(given)
    if given == "last":
        found = sorted(Path("runs", name).glob("*/checkpoints/last.ckpt"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise SettingError("--ckpt_path", given, f"no last.ckpt in runs/{name}/*/checkpoints; start without it")
        path = found[-1]
    _read(path)
    return path


def _read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint of this package.

    Raises:
        SettingError: It is missing, damaged, or foreign.
    """
    if not Path(path).is_file():
        raise SettingError("checkpoint", str(path), "no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or foreign file fails in many ways, all of them the same news
        raise SettingError("checkpoint", str(path), f"damaged, or no checkpoint at all ({_line(error)})") from error
    if not isinstance(content, dict) or "game" not in content:
        raise SettingError("checkpoint", str(path), "it was not written by lightning_gans")
    return content


def sample(checkpoint: str, num: int = 64, seed: int = 0, output: str = "samples", ema: bool = True) -> None:
    """Generate images from a checkpoint: one PNG each, and a grid of the first 64.

    Args:
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote.
        num: Number of images.
        seed: Selects them.
        output: Folder for the files.
        ema: Averaged weights, or the raw ones.
    """
    if num < 1:
        raise SettingError("--num", num, "must be 1 or more")
    _read(checkpoint)
    model = Game.load_from_checkpoint(checkpoint, map_location="cpu")
    if not isinstance(model, GAN):
        raise SettingError("checkpoint", checkpoint, f"{type(model).__name__} cannot be sampled")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    digits = len(str(num - 1))
    for start in range(0, num, 256):
        images = model.sample(min(256, num - start), seed=seed, ema=ema, start=start)
        if start == 0:
            first = grid(images[:64], columns(min(num, 64)))
            save_image(first.float() / 255, folder / "grid.png")
        for index, image in enumerate(images, start):
            save_image((image + 1) / 2, folder / f"{index:0{digits}d}.png")
    print(f"{num} images and grid.png in {folder}")


COMMANDS: dict[str, Callable[..., None]] = {"sample": sample}
"""The plain commands: functions whose arguments are the command's."""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one line on stderr and exit code 2."""
    given = list(sys.argv[1:] if args is None else args)
    _quiet()
    try:
        if given and given[0] in COMMANDS:
            _plain(given[0], given[1:])
        else:
            _lightning(given)
    except (ValueError, MisconfigurationException, ArgumentError, OSError) as error:
        cause = _settings_error(error)
        if cause is None and type(error) is ValueError:
            raise  # not the user's to mend
        print(f"lightning_gans: error: {_explained(cause or error, given)}", file=sys.stderr)
        sys.exit(2)


def _plain(name: str, args: list[str]) -> None:
    function = COMMANDS[name]
    parser = ArgumentParser(prog=f"lightning_gans {name}", description=inspect.getdoc(function), exit_on_error=False)
    parser.add_function_arguments(function, as_group=False, as_positional=True)
    function(**parser.parse_args(args).as_dict())


def _lightning(args: list[str]) -> None:
    parser: dict[str, Any] = {"exit_on_error": False}
    plain = ", ".join(COMMANDS)
    epilog = f"Further commands: {plain} (lightning_gans COMMAND --help)."
    sys.argv = [sys.argv[0], *args]  # Lightning reads it too
    GameCLI(
        Game,
        LightningDataModule,
        save_config_callback=RunConfig,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={"callbacks": [RoundsBar(), RunSummary()], "max_epochs": -1, "num_sanity_val_steps": 0},
        seed_everything_default=0,
        parser_kwargs={**parser, "prog": "lightning_gans", "epilog": epilog, **dict.fromkeys(GameCLI.subcommands(), parser)},
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
    )


def _quiet() -> None:
    """Keep advice that does not concern the user off the screen."""
    import logging

    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(lambda record: "Tip:" not in record.getMessage())
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning on torch 2.13 and newer
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data are in memory
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")  # a resumed run continues in its folder
    warnings.filterwarnings("ignore", message=".*across ranks is zero.*")  # no validation inside fit: rounds decide
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # rounds are logged, not epochs


def _settings_error(error: BaseException | None) -> SettingError | None:
    """The user's error behind an error: jsonargparse wraps what a constructor raises."""
    while error is not None and not isinstance(error, SettingError):
        error = error.__cause__ or error.__context__
    return error


def _line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _explained(error: Exception, args: Sequence[str]) -> str:
    """An error as one line; for a class that is not there, with the nearest one that is."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, ArgumentError):
        text = text.removeprefix("argument None: ")
        names = [n for n in re.findall(r"[A-Za-z_][\w.]*", text + " " + " ".join(args)) if n[:1].isupper() or "." in n]
        for name in names:
            near = difflib.get_close_matches(name.rpartition(".")[2], _known_classes(), n=1, cutoff=0.7)
            if near and near[0] != name.rpartition(".")[2]:
                return f"{text[:300]} (did you mean {near[0]}?)"
        text = text[:400]
    return text


def _known_classes() -> list[str]:
    named = [*models_module.__all__, *data_module.__all__, *features_module.__all__, *networks_module.__all__]
    return [*named, GAN.__name__, ConditionalGAN.__name__]


if __name__ == "__main__":
    main()
