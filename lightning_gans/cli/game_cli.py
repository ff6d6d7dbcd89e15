"""Lightning's command line, as a game needs it."""

import inspect
import sys
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, Namespace
from jsonargparse.typing import import_object
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lightning_gans.callbacks import GameCheckpoint, MetricsCallback, RoundsBar, RunSummary, SampleGrid
from lightning_gans.callbacks.folder import run_folder
from lightning_gans.cli.messages import config_files, parsing_error, require_readable
from lightning_gans.cli.runs import checkpoint_path, require_writable, run_dir, wandb_logger


class RunConfig(SaveConfigCallback):
    """Saves the configuration to the run's folder, from which it can be rerun, and to W&B.

    A resumed run keeps the file that it began with, and gets a numbered one beside it.
    """

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save what ``fit`` was given; ``validate`` and ``test`` leave the run's file alone."""
        if stage != "fit":
            return
        folder, count = Path(run_folder(trainer)), 1
        path = folder / self.config_filename
        while self.config.get("ckpt_path") and path.exists():
            count += 1
            path = folder / f"config_{count}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, str(path), skip_none=False, overwrite=True, multifile=False)
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
        """Find the checkpoint and tell the networks what the data look like."""
        config = self.config[self.subcommand]
        if config.get("ckpt_path"):
            path = checkpoint_path(config.ckpt_path, _run_name(config), config.trainer.default_root_dir)
            config.ckpt_path = str(path)
        fill_facts(config)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Settle the run's folder and the default logger; neither is written to the saved configuration."""
        config = self.config[self.subcommand]
        logger, root = config.trainer.logger, config.trainer.default_root_dir
        checkpoint, training = config.get("ckpt_path"), self.subcommand == "fit"
        kwargs["default_root_dir"] = folder = root or run_dir(_run_name(config), checkpoint)
        if training and not config.trainer.fast_dev_run:
            require_writable(folder, "--trainer.default_root_dir")
        if logger is None or logger is True:
            wanted = training and not config.trainer.fast_dev_run
            kwargs["logger"] = wandb_logger(folder, checkpoint, _run_name(config)) if wanted else False
        bars = [RoundsBar()] if config.trainer.enable_progress_bar in (None, True) else []
        self.trainer_defaults["callbacks"] = [*bars, RunSummary()]
        try:
            return super().instantiate_trainer(**kwargs)
        except ValueError as error:  # how Lightning refuses an accelerator, a strategy, a number of devices
            raise MisconfigurationException(str(error)) from error


def fill_facts(config: Namespace) -> None:
    """Fill ``image_shape``, ``num_classes`` and ``latent_dim`` into the model and the networks that leave them unset.

    The same recipe then fits any data set, and the checkpoint describes itself. Unset means None or the argument's
    own default.

    Args:
        config: Configuration of a subcommand, with ``model`` and ``data`` as ``class_path`` and ``init_args``.
    """
    settings = _init_args(config.model)
    facts = {"latent_dim": settings.get("latent_dim")}
    if config.get("data") is not None:
        data = import_object(config.data.class_path)(**_init_args(config.data))
        facts |= {name: getattr(data, name, None) for name in ("image_shape", "num_classes")}
    nodes = [config.model, *(v for v in settings.values() if isinstance(v, Namespace))]
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


def _init_args(node: Namespace) -> dict[str, Any]:
    """The arguments of a class, by name; none where it takes none."""
    arguments = node.get("init_args")
    return {} if arguments is None else dict(vars(arguments))
