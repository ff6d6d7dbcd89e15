"""The help of Lightning's commands: what is changed most, read from the sources, since importing them takes seconds."""

import ast
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import Any

from lightning_gans.cli.configs import resolve_config_names, shipped_configs
from lightning_gans.cli.renamed import merged

TRAINER_COMMANDS = {
    "fit": "Train a model, or go on with a checkpoint (--ckpt_path).",
    "validate": "Measure a checkpoint against the real images of its data (--ckpt_path).",
    "test": "As validate; kept apart so that what is tested was never looked at before.",
    "predict": "Generate from the test data of a checkpoint (--ckpt_path), such as translations of its images.",
}
"""Lightning's, on a config of model, data and trainer."""

TITLES = {
    **dict.fromkeys(TRAINER_COMMANDS, "The checkpoint"),
    "model": "The model and its networks (--model.help WGAN lists the settings of one)",
    "model.optimization": "How they learn; what is left out is the variant's own",
    "data": "The data (--data.help Digits lists the settings of one)",
    "metrics": "What is measured, and how often",
    "samples": "The pictures",
    "checkpoint": "What is saved, and how often",
    "trainer": "Lightning's trainer",
    "threads": "Threads of the processor",
}
"""Of the sections."""

EXAMPLES = {
    "fit": (
        "--config wgan --trainer.max_steps 1000",
        "--config dcgan --config data/image_folder --data.root photos",
        "--config wgan --ckpt_path last --trainer.max_steps 9000",
    ),
    "validate": (
        "--ckpt_path runs/wgan/.../checkpoints/last.ckpt",
        "--config wgan --ckpt_path last --metrics.num_samples 10000",
    ),
    "test": ("--ckpt_path runs/wgan/.../checkpoints/best.ckpt",),
    "predict": ("--ckpt_path runs/pix2pix/.../checkpoints/best.ckpt",),
    "sample": ("runs/wgan/.../checkpoints/best.ckpt --num_samples 64 --output pictures",),
    "translate": ("runs/pix2pix/.../checkpoints/best.ckpt photos --output translated",),
    "evaluate": ("--real Digits --checkpoint runs/wgan/.../checkpoints/best.ckpt --num_samples 2000",),
    "train-features": ("--data Digits --output own.safetensors",),
}
"""Of the commands that do nothing without arguments."""

_EVERYWHERE = ("config", "ckpt_path", "seed_everything", "print_config")
_DATA = ("data", "data.batch_size", "data.root", "data.image_size")
_MEASURED = ("metrics.num_samples", "metrics.num_reference", "metrics.features", "metrics.ema")
_MACHINE = ("trainer.accelerator", "trainer.devices", "trainer.precision")
SHOWN = {
    "fit": (
        *_EVERYWHERE,
        *("model", "model.latent_dim", "model.generator", "model.generator.base_channels"),
        "model.regularizers",
        *(f"model.optimization.{name}" for name in ("generator.lr", "n_critic", "ema_decay")),
        *_DATA,
        *("metrics.every_n_steps", "metrics.num_samples", "metrics.features"),
        *("samples.every_n_steps", "samples.num_samples"),
        *("checkpoint.every_n_steps", "checkpoint.monitor"),
        *("trainer.max_steps", *_MACHINE, "trainer.logger", "trainer.default_root_dir"),
    ),
    "validate": (*_EVERYWHERE, *_DATA, *_MEASURED, *_MACHINE),
    "test": (*_EVERYWHERE, *_DATA, *_MEASURED, *_MACHINE),
    "predict": (*_EVERYWHERE, *_DATA, *_MACHINE, "trainer.default_root_dir"),
}
"""The settings that are shown, by command; all others are behind ``--help_all``."""

_WORDS = {
    "config": "A shipped config or a YAML file; what comes later wins.",
    "ckpt_path": "A checkpoint, with its settings if there is no --config; or last.",
    "seed_everything": "Seed of all that is random.",
    "print_config": "Print all settings as YAML, and do no more.",
    "model": "WGAN, GAN, ... or package.module.Class.",
    "model.generator": "DCGANGenerator, MLPGenerator, ... or package.module.Class.",
    "model.optimization.generator.lr": "Learning rate of the generator; there is a discriminator.lr too.",
    "model.optimization.n_critic": "Updates of the discriminator for each turn of the generator.",
    "data": "Digits, MNIST, ImageFolder, ... or package.module.Class.",
    "trainer.max_steps": "Steps to train, each of one batch.",
    "trainer.accelerator": "cpu, gpu, mps; left out, the one that is there.",
    "trainer.devices": "How many, or which: 2, or [0,3].",
    "trainer.precision": "32-true, bf16-mixed, 16-mixed.",
    "trainer.logger": "CSVLogger, TensorBoardLogger, false for none; left out, W&B.",
    "trainer.default_root_dir": "Folder of the run; left out, runs/<model>/<time>.",
}
"""Of classes, which are given by name, and of what is not this package's."""

_CLASSES = {
    "model": ("engine.latent.LatentModel", "models.gan.Adversarial"),
    "model.generator": ("networks.dcgan.DCGANGenerator",),
    "model.optimization": ("engine.optimization.BaseOptimization", "engine.optimization.Optimization"),
    "data": ("data.base.ImageDataModule", "data.folder.ImageFolder"),
    "metrics": ("callbacks.metrics.MetricsCallback",),
    "samples": ("callbacks.samples.SampleGrid",),
    "checkpoint": ("callbacks.checkpoint.StepCheckpoint",),
}
"""Where the other settings are documented."""

_INTRODUCTION = "What is changed most (in brackets the value, of the configs given or by default)"
_MORE = {
    "--help_all": "Every setting.",
    "--metrics.help": "Those of a section: metrics, samples, checkpoint, trainer.",
    "--data.help Digits": "Those of a class, after any setting that takes one.",
}
_WIDTH, _COLUMN = 100, 33
_ARGUMENT = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)  # of a docstring's Args


def usage(command: str) -> str:
    """How a command of Lightning's is called."""
    needed = "--config NAME" if command == "fit" else "--ckpt_path FILE"
    return f"lightning_gans {command} {needed} [--config FILE ...] [--SECTION.SETTING VALUE ...]"


def short_help(command: str, args: Sequence[str]) -> str:
    """The help of a command of Lightning's on one or two screens; with values of the configs and settings given."""
    given = merged(resolve_config_names([*args]))
    blocks = [[f"usage: {usage(command)}", "", TRAINER_COMMANDS[command], ""]]
    blocks[0] += [f"  lightning_gans {command} {example}" for example in EXAMPLES[command]]
    if command == "fit":
        blocks.append(["Configs (lightning_gans configs says what each is):", *_configs()])
    facts = {section: _facts(*classes) for section, classes in _CLASSES.items()}
    for section, names in groupby(SHOWN[command], _section):
        block = [f"{TITLES[section] if section else _INTRODUCTION}:"]
        for name in names:
            owner, _, last = name.rpartition(".")
            text, default = (_WORDS[name], None) if name in _WORDS else facts[owner][last]
            value = default if (chosen := _value(given, name)) is None else chosen
            value = str(value).lower() if isinstance(value, bool) else value  # as a user writes it
            block.append(_entry(f"--{name}", text if value is None else f"{text} [{value}]"))
        blocks.append(block)
    blocks.append([f"More, behind lightning_gans {command}:", *(_entry(*each) for each in _MORE.items())])
    return "\n\n".join("\n".join(block) for block in blocks)


def nothing_given(command: str) -> str:
    """The line for a command without the arguments that it needs."""
    needed = "arguments" if command not in TRAINER_COMMANDS else "--ckpt_path FILE"
    if command == "fit":
        needed = "--config NAME (lightning_gans configs lists them), or --model and --data"
    return f"{command} needs {needed}, as in: lightning_gans {command} {EXAMPLES[command][0]} (--help says more)"


def _section(name: str) -> str:
    """The section under whose title a setting is shown."""
    return max((title for title in TITLES if f"{name}.".startswith(f"{title}.")), key=len, default="")


def _value(config: Any, name: str) -> Any:
    """What a config says of a setting, of a class its name; None where it says nothing, or has no word for it."""
    for part in name.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    if isinstance(config, Mapping):
        config = str(config.get("class_path", "")).rpartition(".")[2] or None
    return None if isinstance(config, list) else config


def _configs() -> Iterator[str]:
    """The names of the shipped configs: models, and what is given after one."""
    for folder, names in groupby(shipped_configs(), lambda name: name.rpartition("/")[0]):
        yield _entry(f"{folder}/" if folder else "models", ", ".join(name.rpartition("/")[2] for name in names), 14)


def _entry(left: str, text: str, column: int = _COLUMN) -> str:
    """A text, with what it is about on the left."""
    width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 0)).columns)
    return fill(text, width, initial_indent=f"  {left:<{column}} ", subsequent_indent=(column + 3) * " ")


def _facts(*classes: str) -> dict[str, tuple[str, Any]]:
    """Of the arguments of classes of this package: the first sentence of the docstring, and the default if it is plain.

    Example:
        >>> _facts("callbacks.samples.SampleGrid")["seed"]
        ('Selects their latents, the same in every picture.', 0)
    """
    facts: dict[str, tuple[str, Any]] = {}
    for path in classes:
        module, _, name = path.rpartition(".")
        source = (Path(__file__).parents[1] / f"{module.replace('.', '/')}.py").read_text()
        node = next(each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == name)
        defaults = dict(_defaults(node))
        for argument, text in _ARGUMENT.findall(ast.get_docstring(node) or ""):
            sentence = " ".join(text.replace("``", "").split()).partition(". ")[0].rstrip(".")
            facts[argument] = f"{sentence}.", defaults.get(argument)
    return facts


def _defaults(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """The constants among the defaults of a constructor."""
    made = next(
        (each.args for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None
    )
    if made is not None:
        positional = made.args[len(made.args) - len(made.defaults) :]
        for argument, value in zip([*positional, *made.kwonlyargs], [*made.defaults, *made.kw_defaults], strict=True):
            if isinstance(value, ast.Constant):
                yield argument.arg, value.value
