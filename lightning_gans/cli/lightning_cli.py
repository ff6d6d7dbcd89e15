"""Lightning's command line, as a game needs it."""

import sys
import warnings
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, Namespace
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import lightning_gans.augment
import lightning_gans.data
import lightning_gans.evaluation.features
import lightning_gans.models
import lightning_gans.networks
import lightning_gans.objectives
import lightning_gans.regularizers  # noqa: F401 # classes can be given by their mere name once they are imported
from lightning_gans.callbacks import MetricsCallback, RunSummary, SampleGrid, StepCheckpoint, StepProgressBar
from lightning_gans.callbacks.run_dir import run_dir
from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.data_links import LINKED_ARGUMENTS, DataLinkedParser, check_data_fits, link_data_to_model
from lightning_gans.cli.help_text import name_sections, usage, without_foreign_classes
from lightning_gans.cli.messages import parsing_error
from lightning_gans.cli.nulls import require_no_null
from lightning_gans.cli.overrides import drop_inapplicable_arguments
from lightning_gans.cli.predicting import PredictionWriter, prepare_prediction
from lightning_gans.cli.resuming import exit_if_finished, load_config_from_checkpoint, warn_changed_settings
from lightning_gans.cli.runs import find_checkpoint, new_run_dir, require_writable, wandb_logger
from lightning_gans.engine import Game
from lightning_gans.errors import ConfigError, LightningGANsWarning

SECTIONS: dict[str, type[Callback]] = {
    "metrics": MetricsCallback,
    "samples": SampleGrid,
    "checkpoint": StepCheckpoint,
}
"""The callbacks that have a section of their own in a config."""


class SaveRunConfig(SaveConfigCallback):
    """Saves the config to the run's folder, from which it can be rerun, to its checkpoints and to its loggers.

    A resumed run keeps the file that it began with, and gets a numbered one beside it.

    Args:
        args: As Lightning's.
        plain: The config as plain data.
        seed: A seed that was given anew to a resumed run.
        kwargs: As Lightning's.
    """

    def __init__(self, *args: Any, plain: dict[str, Any], seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plain, self.seed = plain, seed

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save what ``fit`` was given; other commands leave the run's file alone."""
        if stage == "fit" and not self.config.get("ckpt_path"):
            self._write(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run saves it only now: one whose checkpoint does not fit leaves the folder as it was."""
        if trainer.is_global_zero and self.config.get("ckpt_path"):
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        folder, count = Path(run_dir(trainer)), 1
        path = folder / self.config_filename
        while self.config.get("ckpt_path") and path.exists():
            count += 1
            path = folder / f"config_{count}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, str(path), skip_none=False, overwrite=True, multifile=False)
        for logger in trainer.loggers:
            logger.log_hyperparams({"config": self.plain})

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint tell what it was trained with."""
        checkpoint["config"] = self.plain

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A seed that is given anew wins over the checkpoint's, as all settings do."""
        if self.seed is not None and isinstance(pl_module, Game):
            pl_module.seed = self.seed


class GameArgumentParser(DataLinkedParser):
    """With a help that can be read."""

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        """Lightning's, without the classes of all that is installed."""
        return without_foreign_classes(super().format_help(*args, **kwargs))


class GameCLI(LightningCLI):
    """Lightning's command line, with what the data say linked to the networks, and a folder for each run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the callbacks sections of their own, which merge between files; a list would be replaced."""
        for name, cls in SECTIONS.items():
            parser.add_lightning_class_args(cls, name)
        name_sections(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; a mistake becomes one line."""
        try:
            super().parse_arguments(parser, args)
        except (ArgumentError, UnicodeDecodeError) as error:
            raise parsing_error(error, sys.argv[1:], [parser, *self._subcommand_parsers.values()]) from error
        seed = self.config[self.config.subcommand].get("seed_everything")
        if seed is not None and not 0 <= seed < 2**32:
            raise ConfigError("--seed_everything", seed, "must be a number from 0 to 4294967295")

    def _parse_ckpt_path(self) -> None:
        """What the user configured wins over what a checkpoint remembers (Lightning lets the checkpoint win)."""

    def before_instantiate_classes(self) -> None:
        """Link the data to the networks, find the checkpoint, and say what differs from it."""
        config = self.config[self.subcommand]
        require_no_null(config.data, "data")
        self.datamodule = self._built_data(config)
        link_data_to_model(config, self.datamodule)
        require_no_null(config.model, "model", LINKED_ARGUMENTS)
        seed = None
        if config.get("ckpt_path"):
            path, content = find_checkpoint(config.ckpt_path, _run_name(config), config.trainer.default_root_dir)
            config.ckpt_path = str(path)
            self._dump_config()
            if self.subcommand == "fit":
                exit_if_finished(path, content, config.trainer)
                changed = warn_changed_settings(content, self.config_dump)
                seed = config.seed_everything if "seed_everything" in changed else None
        elif self.subcommand != "fit":
            message = f"{self.subcommand} without --ckpt_path: these are the untrained networks"
            warnings.warn(message, LightningGANsWarning, stacklevel=1)
        self._dump_config()
        self.save_config_kwargs |= {"plain": self.config_dump, "seed": seed}

    def _built_data(self, config: Namespace) -> LightningDataModule | None:
        """The datamodule, through the parser, so that classes among its arguments are built too."""
        if config.get("data") is None:
            return None
        part: Any = Namespace()  # type: ignore[no-untyped-call] # jsonargparse's
        part["subcommand"], part[f"{self.subcommand}.data"] = self.subcommand, config.data
        built = self.parser.instantiate_classes(part, instantiate_groups=False)
        data: LightningDataModule = built[self.subcommand].data
        del self.config_dump  # Lightning has described the config to the datamodule as it was before the links
        return data

    def instantiate_classes(self) -> None:
        """Build the rest, with the data as they are built."""
        config = self.config[self.subcommand]
        described = config.get("data")
        if described is not None:
            config.data = self.datamodule
        try:
            super().instantiate_classes()
        finally:
            if described is not None:
                config.data = described

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Settle the run's folder and the default logger; neither is written to the saved config."""
        config = self.config[self.subcommand]
        check_data_fits(config, self.datamodule)
        logger, root = config.trainer.logger, config.trainer.default_root_dir
        checkpoint, training = config.get("ckpt_path"), self.subcommand == "fit"
        kwargs["default_root_dir"] = folder = root or new_run_dir(_run_name(config), checkpoint)
        if training and not config.trainer.fast_dev_run:
            require_writable(folder, "--trainer.default_root_dir")
        if logger is None or logger is True:
            wanted = training and not config.trainer.fast_dev_run
            kwargs["logger"] = wandb_logger(folder, checkpoint, _run_name(config)) if wanted else False
        self.trainer_defaults["callbacks"] = self._callbacks(config, folder)
        try:
            return super().instantiate_trainer(**kwargs)
        except ValueError as error:  # how Lightning refuses an accelerator, a strategy, a number of devices
            raise MisconfigurationException(str(error)) from error

    def _callbacks(self, config: Namespace, folder: str) -> list[Callback]:
        """Those that are always there."""
        bars: list[Callback] = [StepProgressBar()] if config.trainer.enable_progress_bar in (None, True) else []
        if self.subcommand == "predict":
            prepare_prediction(self.model, self.datamodule)
            require_writable(folder, "--trainer.default_root_dir")
            return [*bars, PredictionWriter(folder)]
        return [*bars, RunSummary()]

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """The summary prints what ``validate`` and ``test`` measure, and a callback writes what is predicted."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        quiet = {"validate": {"verbose": False}, "test": {"verbose": False}, "predict": {"return_predictions": False}}
        return kwargs | quiet.get(subcommand, {})


def run(args: list[str]) -> None:
    """Run one of Lightning's commands.

    Args:
        args: The command and its arguments.
    """
    # Lightning reads it too, and starts other processes with it.
    sys.argv = [sys.argv[0], *drop_inapplicable_arguments(load_config_from_checkpoint(args))]
    parser: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
    GameCLI(
        Game,
        LightningDataModule,
        save_config_callback=SaveRunConfig,
        save_config_kwargs={"save_to_log_dir": False},
        trainer_defaults={
            "enable_autolog_hparams": False,  # SaveRunConfig logs the whole config
            "enable_model_summary": False,  # RunSummary says how large each player is
            "max_epochs": -1,
            "num_sanity_val_steps": 0,
        },
        seed_everything_default=0,
        parser_class=GameArgumentParser,
        parser_kwargs={
            **parser,
            "prog": "lightning_gans",
            "description": "Train, evaluate and sample generative adversarial networks.",
            "epilog": f"Further commands: {', '.join(COMMANDS)} (lightning_gans COMMAND --help).",
            **{name: {**parser, "usage": usage(name)} for name in GameCLI.subcommands()},
        },
        subclass_mode_model=True,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
    )


def _run_name(config: Namespace) -> str:
    return str(config.model.class_path).rpartition(".")[2].lower()
