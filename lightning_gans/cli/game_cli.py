"""Lightning's command line, as a game needs it."""

import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, Namespace
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import lightning_gans.data
import lightning_gans.evaluation.features
import lightning_gans.models
import lightning_gans.networks
import lightning_gans.tricks  # noqa: F401 # classes can be given by their mere name once they are imported
from lightning_gans.callbacks import StepCheckpoint, MetricsCallback, StepProgressBar, RunSummary, SampleGrid
from lightning_gans.callbacks.folder import run_dir_of
from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.facts import fill_facts, require_fitting
from lightning_gans.cli.messages import config_files, parsing_error, require_readable
from lightning_gans.cli.overlays import fitting
from lightning_gans.cli.resuming import announce, leave_if_finished, with_saved_config
from lightning_gans.cli.runs import find_checkpoint, require_writable, run_dir, wandb_logger
from lightning_gans.engine import Game

SECTIONS = {"metrics": MetricsCallback, "samples": SampleGrid, "checkpoint": StepCheckpoint}
"""The callbacks that have a section of their own in a configuration."""


class RunConfig(SaveConfigCallback):
    """Saves the configuration to the run's folder, from which it can be rerun, to its checkpoints and to W&B.

    A resumed run keeps the file that it began with, and gets a numbered one beside it.

    Args:
        args: As Lightning's.
        plain: The configuration as plain data.
        seed: A seed that was given anew to a resumed run.
        kwargs: As Lightning's.
    """

    def __init__(self, *args: Any, plain: dict[str, Any], seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plain, self.seed = plain, seed

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save what ``fit`` was given; ``validate`` and ``test`` leave the run's file alone."""
        if stage == "fit" and not self.config.get("ckpt_path"):
            self._write(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run saves it only now: one whose checkpoint does not fit leaves the folder as it was."""
        if trainer.is_global_zero and self.config.get("ckpt_path"):
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        folder, count = Path(run_dir_of(trainer)), 1
        path = folder / self.config_filename
        while self.config.get("ckpt_path") and path.exists():
            count += 1
            path = folder / f"config_{count}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, str(path), skip_none=False, overwrite=True, multifile=False)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams({"config": self.config.as_dict()})

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint tell what it was trained with."""
        checkpoint["config"] = self.plain

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A seed that is given anew wins over the checkpoint's, as all settings do."""
        if self.seed is not None and isinstance(pl_module, Game):
            pl_module.seed = self.seed


class GameCLI(LightningCLI):
    """Lightning's command line, with the facts of the data filled into the networks, and a folder for each run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the callbacks sections of their own, which merge between files; a list would be replaced."""
        for name, kind in SECTIONS.items():
            parser.add_lightning_class_args(kind, name)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Without ``predict``: what a generator predicts are samples, which ``lightning_gans sample`` makes."""
        skipped = LightningCLI.subcommands()
        return {name: skipped[name] for name in ("fit", "validate", "test")}

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; a mistake becomes one line."""
        try:
            super().parse_arguments(parser, args)
        except ArgumentError as error:
            require_readable(config_files(sys.argv))
            raise parsing_error(error, [parser, *self._subcommand_parsers.values()]) from error

    def _parse_ckpt_path(self) -> None:
        """What the user configured wins over what a checkpoint remembers (Lightning lets the checkpoint win)."""

    def before_instantiate_classes(self) -> None:
        """Find the checkpoint, tell the networks what the data look like, and say what differs from the checkpoint."""
        config = self.config[self.subcommand]
        fill_facts(config)
        seed = None
        if config.get("ckpt_path"):
            path, content = find_checkpoint(config.ckpt_path, _run_name(config), config.trainer.default_root_dir)
            config.ckpt_path = str(path)
            self._dump_config()
            if self.subcommand == "fit":
                leave_if_finished(path, content, config.trainer)
                changed = announce(content, self.config_dump)
                seed = config.seed_everything if "seed_everything" in changed else None
        self._dump_config()
        self.save_config_kwargs |= {"plain": self.config_dump, "seed": seed}

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Settle the run's folder and the default logger; neither is written to the saved configuration."""
        config = self.config[self.subcommand]
        require_fitting(config, self.datamodule)
        logger, root = config.trainer.logger, config.trainer.default_root_dir
        checkpoint, training = config.get("ckpt_path"), self.subcommand == "fit"
        kwargs["default_root_dir"] = folder = root or run_dir(_run_name(config), checkpoint)
        if training and not config.trainer.fast_dev_run:
            require_writable(folder, "--trainer.default_root_dir")
        if logger is None or logger is True:
            wanted = training and not config.trainer.fast_dev_run
            kwargs["logger"] = wandb_logger(folder, checkpoint, _run_name(config)) if wanted else False
        bars = [StepProgressBar()] if config.trainer.enable_progress_bar in (None, True) else []
        self.trainer_defaults["callbacks"] = [*bars, RunSummary()]
        try:
            return super().instantiate_trainer(**kwargs)
        except ValueError as error:  # how Lightning refuses an accelerator, a strategy, a number of devices
            raise MisconfigurationException(str(error)) from error

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Leave it to the summary to print what ``validate`` and ``test`` measure."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        return kwargs | ({} if subcommand == "fit" else {"verbose": False})


def run(args: list[str]) -> None:
    """Run one of Lightning's commands.

    Args:
        args: The command and its arguments.
    """
    # Lightning reads it too, and starts other processes with it.
    sys.argv = [sys.argv[0], *fitting(with_saved_config(args))]
    parser: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
    GameCLI(
        Game,
        LightningDataModule,
        save_config_callback=RunConfig,
        save_config_kwargs={"save_to_log_dir": False},
        trainer_defaults={
            "enable_model_summary": False,  # RunSummary says how large each player is
            "max_epochs": -1,
            "num_sanity_val_steps": 0,
        },
        seed_everything_default=0,
        parser_kwargs={
            **parser,
            "prog": "lightning_gans",
            "description": "Train, evaluate and sample generative adversarial networks.",
            "epilog": f"Further commands: {', '.join(COMMANDS)} (lightning_gans COMMAND --help).",
            **dict.fromkeys(GameCLI.subcommands(), parser),
        },
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
    )


def _run_name(config: Namespace) -> str:
    return str(config.model.class_path).rpartition(".")[2].lower()
