"""Lightning's command line, as a game needs it."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.callbacks import (
    MetricsCallback,
    RunSummary,
    SampleGrid,
    StepCheckpoint,
    StepProgressBar,
    ThreadChoice,
)
from lightning_gans.callbacks.run_dir import relative_path, run_dir
from lightning_gans.cli import runs
from lightning_gans.cli.arguments import init_args, known_classes, require_valid_values
from lightning_gans.cli.data_links import LINKED_ARGUMENTS, check_data_fits, link_data_to_model
from lightning_gans.cli.help import TRAINER_COMMANDS, usage
from lightning_gans.cli.messages import parsing_error
from lightning_gans.cli.overrides import drop_inapplicable_arguments
from lightning_gans.cli.parser import GameArgumentParser
from lightning_gans.cli.refusals import with_flag
from lightning_gans.engine import Game
from lightning_gans.errors import ConfigError, LightningGANsWarning

SECTIONS: dict[str, type[Callback]] = {
    "metrics": MetricsCallback,
    "samples": SampleGrid,
    "checkpoint": StepCheckpoint,
    "threads": ThreadChoice,
}
"""The callbacks that have a section of their own in a config."""


class SaveRunConfig(Callback):
    """Saves what ``fit`` was given to the run's folder, from which it can be rerun, its checkpoints and its loggers.

    A resumed run keeps the file that it began with, and gets a numbered one beside it.

    Args:
        text: The config as YAML.
        plain: The same as plain data.
        seed: A seed that was given anew to a resumed run.
    """

    def __init__(self, text: str, plain: dict[str, Any], seed: int | None) -> None:
        self.text, self.plain, self.seed, self.resumes = text, plain, seed, bool(plain.get("ckpt_path"))

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save it, once all callbacks are set up: the folder may be another run's."""
        if trainer.is_global_zero and not self.resumes:
            self._write(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run saves it only now: one whose checkpoint does not fit leaves the folder as it was."""
        if trainer.is_global_zero and self.resumes:
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        folder, count = Path(run_dir(trainer)), 1
        path = folder / "config.yaml"
        while self.resumes and path.exists():
            count += 1
            path = folder / f"config_{count}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text)
        for logger in trainer.loggers:
            logger.log_hyperparams({"config": self.plain})

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint tell what it was trained with."""
        checkpoint["config"] = self.plain

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A seed that is given anew wins over the checkpoint's, as all settings do."""
        if self.seed is not None and isinstance(pl_module, Game):
            pl_module.seed = self.seed


class PredictionWriter(BasePredictionWriter):
    """Writes the image that is generated for item i of the data as ``predictions/<i>.png`` into a run's folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(write_interval="batch")
        self.folder, self.count = Path(folder) / "predictions", 0

    def write_on_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, prediction: Any, batch_indices: Any, batch: Any, *_: Any
    ) -> None:
        """Write a batch; its images are numbered as the batch says, or as the loader has dealt them out."""
        if not isinstance(prediction, Tensor) or prediction.ndim != 4:
            hint = "predict writes images (N, C, H, W); use trainer.predict in Python, or lightning_gans sample"
            raise ConfigError("predict", type(pl_module).__name__, hint)
        indices = Batch.of(batch).indices
        numbers = batch_indices if indices is None else indices.tolist()
        for number, image in zip(numbers or range(self.count, self.count + len(prediction)), prediction, strict=True):
            runs.write_image(image, self.folder / f"{number:06d}.png")
        self.count += len(prediction)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where they are."""
        if trainer.is_global_zero:
            print(f"predictions in {relative_path(self.folder)}", flush=True)


class GameCLI(LightningCLI):
    """Lightning's command line, with what the data say linked to the networks, and a folder for each run.

    One parser for the given command stands in for Lightning's subcommands, which make one for each and parse twice.
    """

    def __init__(self, command: str, words: Sequence[str]) -> None:
        self.command, self.words = command, words
        with self.flags_named():
            self._set_up(command)

    def _set_up(self, command: str) -> None:
        super().__init__(
            Game,
            LightningDataModule,
            run=False,
            save_config_callback=None,  # SaveRunConfig does it
            trainer_defaults={
                "enable_autolog_hparams": False,  # SaveRunConfig logs the whole config
                "enable_model_summary": False,  # RunSummary says how large each player is
                "max_epochs": -1,
                "num_sanity_val_steps": 0,
            },
            seed_everything_default=0,
            parser_class=GameArgumentParser,
            parser_kwargs={
                "exit_on_error": False,
                "allow_abbrev": False,
                "usage": usage(command),
                "description": TRAINER_COMMANDS[command],
            },
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
        )

    @contextmanager
    def flags_named(self) -> Iterator[None]:
        """Let errors of what the config describes name the flag of the setting that they are about."""
        try:
            yield
        except Exception as error:
            known = hasattr(self, "config")  # what the parser refuses, it names
            told = with_flag(error, self.config, {"trainer": Trainer, **SECTIONS}) if known else None
            if told is None:
                raise
            raise told from error

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give the callbacks sections of their own, which merge between files; a list would be replaced."""
        for name, cls in SECTIONS.items():
            parser.add_lightning_class_args(cls, name)
        given = LightningCLI.subcommands()[self.command]
        self.method_arguments = parser.add_method_arguments(Trainer, self.command, skip=given)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; a mistake becomes one line."""
        try:
            self.config = parser.parse_args(self.words)
        except (ArgumentError, OSError, UnicodeDecodeError) as error:
            raise parsing_error(error, self.words, parser) from error
        for name in ("trainer", *SECTIONS):
            if not isinstance(given := self.config[name], Namespace):
                raise ConfigError(f"--{name}", given, f"its settings are given one by one, as --{name}.NAME VALUE")
        seed = self.config.get("seed_everything")
        if seed is not None and not 0 <= seed < 2**32:
            raise ConfigError("--seed_everything", seed, "must be a number from 0 to 4294967295")

    def before_instantiate_classes(self) -> None:
        """Link the data to the networks, find the checkpoint, and say what differs from it."""
        config, self.new_seed, path, content = self.config, None, Path(), None
        require_valid_values(config.data, "data")
        self.datamodule = self._built_data()
        link_data_to_model(config, self.datamodule)
        require_valid_values(config.model, "model", LINKED_ARGUMENTS)
        self.name = str(config.model.class_path).rpartition(".")[2].lower()
        if config.get("ckpt_path") is not None:
            path, content = runs.find_checkpoint(config.ckpt_path, self.name, config.trainer.default_root_dir)
            config.ckpt_path = str(path)
        elif self.command != "fit":
            message = f"{self.command} without --ckpt_path: these are the untrained networks"
            warnings.warn(message, LightningGANsWarning, stacklevel=1)
        self._dump_config()
        if content is not None and self.command == "fit":
            runs.exit_if_finished(path, content, config.trainer)
            changed = runs.warn_changed_settings(content, self.config_dump)
            self.new_seed = config.seed_everything if "seed_everything" in changed else None

    def _built_data(self) -> LightningDataModule:
        """The datamodule, through the parser, so that classes among its arguments are built too."""
        part: Any = Namespace(data=self.config.data)  # type: ignore[no-untyped-call] # jsonargparse's
        self.config_dump = yaml.safe_load(self.parser.dump(part, skip_none=False, skip_validation=True))
        built = self.parser.instantiate_classes(part, instantiate_groups=False)
        del self.config_dump  # for Lightning, which hands it on to the datamodule
        data: LightningDataModule = built.data
        return data

    def _dump_config(self) -> None:
        """Describe the config, once; what is told of the data is checked when it is built, and refused in one line."""
        if not hasattr(self, "config_dump"):
            self.config_text = self.parser.dump(self.config, skip_none=False, skip_validation=True)
            self.config_dump = yaml.safe_load(self.config_text)

    def instantiate_classes(self) -> None:
        """Settle the run's folder, where loggers write unless told; build the rest, with the data as they are built."""
        config = self.config
        self.folder = config.trainer.default_root_dir or runs.new_run_dir(self.name, config.get("ckpt_path"))
        loggers = config.trainer.logger
        for logger in loggers if isinstance(loggers, list) else [loggers]:
            if isinstance(logger, Namespace) and init_args(logger).get("save_dir", "") is None:
                logger.init_args.save_dir = self.folder
        described, config.data = config.data, self.datamodule
        try:
            super().instantiate_classes()
        finally:
            config.data = described

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Settle the default logger; neither it nor the folder is written to the saved config."""
        check_data_fits(self.config, self.datamodule)
        trainer, checkpoint = self.config.trainer, self.config.get("ckpt_path")
        folder = self.folder
        writes = self.command == "fit" and not trainer.fast_dev_run
        if writes or self.command == "predict":
            runs.require_writable(folder, "--trainer.default_root_dir")
        kwargs["default_root_dir"] = folder
        if trainer.logger is None or trainer.logger is True:
            kwargs["logger"] = runs.wandb_logger(folder, checkpoint, self.name) if writes else False
        callbacks: list[Callback] = [StepProgressBar()] if trainer.enable_progress_bar in (None, True) else []
        if self.command == "predict":
            if not is_overridden("predict_step", self.model):
                hint = "the model has no predict_step; see lightning_gans sample"
                raise ConfigError("predict", type(self.model).__name__, hint)
            if not is_overridden("predict_dataloader", self.datamodule):
                self.datamodule.predict_dataloader = self.datamodule.test_dataloader
            callbacks.append(PredictionWriter(folder))
        else:
            callbacks.append(RunSummary())
        if writes:
            callbacks.append(SaveRunConfig(self.config_text, self.config_dump, self.new_seed))
        self.trainer_defaults["callbacks"] = callbacks
        return super().instantiate_trainer(**kwargs)


def settled(args: list[str]) -> list[str]:
    """A command and its arguments as ``GameCLI`` takes them: with a checkpoint's config, less what does not apply."""
    known_classes()  # imports them: then they can be given by their mere name
    return drop_inapplicable_arguments(runs.load_config_from_checkpoint(args))


def run(args: list[str]) -> None:
    """Run one of Lightning's commands, given with its arguments."""
    command, *words = settled(args)
    sys.argv = [sys.argv[0], command, *words]  # with which Lightning starts other processes
    cli = GameCLI(command, words)
    options = {name: cli.config_init[name] for name in cli.method_arguments}
    # The summary prints what validate and test measure, and a callback writes what is predicted.
    quiet = {"fit": {}, "predict": {"return_predictions": False}}.get(command, {"verbose": False})
    with cli.flags_named():
        getattr(cli.trainer, command)(cli.model, datamodule=cli.datamodule, **options | quiet)
