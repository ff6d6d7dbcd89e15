"""What each shipped model must pass is run over this table: a row a model, a later one adds a row."""

import copy
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from lightning.pytorch.cli import instantiate_module

from lightning_gans.cli import main
from lightning_gans.engine import Game, can_sample, can_translate
from tests.models import losses as of
from tests.models.plain_loop import Turn, two

CONFIGS = Path(__file__).parents[2] / "configs"
STEPS, STOP, BATCH, SEED = 5, 2, 16, 7  # five: whoever is updated in every fifth step only is so once
OFF = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
SMALLEST = {"base_channels": "4", "hidden_dims": "[16]"}
SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01}}


@dataclass(frozen=True)
class Row:
    """A shipped model, and what its checks need to know of it."""

    config: str
    """Its file in configs, and its name in models, docs and tests."""
    turns: tuple[Turn, ...]
    """Who is updated by which loss, in plain torch."""
    atol: float = 0.0
    """How far weights may be from those of the plain loop: 0, unless the plain loss rounds otherwise."""
    settings: tuple[str, ...] = ()
    """Words of the command that make it small, beside narrow networks."""
    given: tuple[str, ...] = ()
    """What it is given besides noise."""
    points: bool = True
    """Whether it generates points too."""
    splits: tuple[str, ...] = ("micro_batches", "processes")
    """In how many parts a batch may be trained on, to rounding: losses are means over samples, of each by itself."""
    bad: tuple[tuple[Mapping[str, Any], str], ...] = ()
    """Arguments of the model that cannot be, and what the error says."""

    @cached_property
    def file(self) -> Mapping[str, Any]:
        """The config."""
        content: Mapping[str, Any] = yaml.safe_load((CONFIGS / f"{self.config}.yaml").read_text())
        return content

    @property
    def words(self) -> list[str]:
        """What follows ``lightning_gans fit`` for a small run without files."""
        model = self.file["model"]["init_args"]
        words = ["--config", self.config, "--trainer.logger", "false", "--data.batch_size", str(BATCH)]
        for role, node in model.items():
            inside = node.get("init_args", {}) if isinstance(node, dict) else {}
            words += [w for key in inside.keys() & SMALLEST for w in (f"--model.{role}.{key}", SMALLEST[key])]
        return [*words, *self.settings]


BATCH_NORM: dict[str, Any] = {"splits": ()}  # a sample's image, or logit, depends on the others

TABLE = (
    Row("gan", two(of.gan_discriminator, of.gan_generator)),
    Row("dcgan", two(of.gan_discriminator, of.gan_generator), **BATCH_NORM),
    Row(
        "lsgan",
        two(of.lsgan_discriminator, of.lsgan_generator),
        bad=(({"fake_target": 1.0}, r"fake_target=1\.0: must differ"),),
        **BATCH_NORM,
    ),
    Row("hinge", two(of.hinge_discriminator, of.wasserstein_generator), **BATCH_NORM),
    Row(
        "wgan",
        two(of.wgan_critic, of.wasserstein_generator, project=of.clip_critic),
        bad=(({"clip_value": 0.0}, r"clip_value=0\.0: must be positive"),),
        **BATCH_NORM,
    ),
    Row(
        "wgan_gp",
        two(of.wgan_gp_critic, of.wasserstein_generator),
        bad=(({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),),
        **BATCH_NORM,
    ),
    Row(
        "dragan",
        two(of.dragan_discriminator, of.gan_generator),
        splits=(),  # the noise is scaled by the deviation of the whole batch
        bad=(
            ({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),
            ({"noise_scale": 0.0}, r"noise_scale=0\.0: must be positive"),
        ),
    ),
    Row(
        "r3gan",
        two(of.r3gan_discriminator, of.r3gan_generator),
        bad=(({"gamma": -1.0}, r"gamma=-1\.0: must be 0 or more"),),
    ),
    Row("sngan", two(of.gan_discriminator, of.gan_generator), splits=()),  # a power iteration in each pass
    Row("fgan", two(of.fgan_discriminator, of.fgan_generator)),
    Row(
        "mmd_gan",
        two(of.mmd_critic, of.mmd_generator),
        splits=(),  # a statistic of pairs
        bad=(({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),),
    ),
    Row(
        "pacgan",
        two(of.pacgan_discriminator, of.pacgan_generator),
        splits=("processes",),  # who shares a pack depends on the micro-batch
        bad=(({"pack": 0}, "pack=0: is the number of samples"),),
    ),
    Row(
        "unrolled",
        two(of.gan_discriminator, of.unrolled_generator),
        atol=1e-6,  # Adam written as in its paper
        splits=(),  # each part would unroll a discriminator of its own
        bad=(
            ({"unroll_steps": -1}, "unroll_steps=-1: must be 0 or more"),
            ({"optimization": {"discriminator_clip": 1.0}}, r"discriminator_clip=1\.0: unrolled steps do not clip"),
        ),
    ),
    Row("cgan", two(of.gan_discriminator, of.gan_generator), given=("label",), **BATCH_NORM),
    Row("cogan", two(of.gan_discriminator, of.gan_generator), given=("label",), **BATCH_NORM),
    Row("acgan", two(of.acgan_discriminator, of.acgan_generator), given=("label",)),
    Row("projection", two(of.hinge_discriminator, of.wasserstein_generator), given=("label",), **BATCH_NORM),
    Row(
        "infogan",
        two(of.infogan_discriminator, of.infogan_generator),
        bad=(
            ({"categorical_codes": [1]}, r"categorical_codes=\[1\]"),
            ({"q_std": 0.0}, r"q_std=0\.0: must be positive"),
            ({"continuous_weight": -0.1}, "weights="),
        ),
    ),
    Row(
        "bigan",
        (
            Turn("discriminator", ("discriminator",), of.bigan_discriminator),
            Turn("generator", ("generator", "encoder"), of.bigan_generator, waits=True),
        ),
    ),
    Row(
        "veegan",
        (
            Turn("discriminator", ("discriminator",), of.bigan_discriminator),
            Turn("generator", ("generator", "encoder"), of.veegan_generator, waits=True),
        ),
        bad=(({"reconstruction_weight": -1.0}, r"reconstruction_weight=-1\.0: must be 0 or more"),),
    ),
    Row(
        "aae",
        (
            Turn("autoencoder", ("encoder", "generator"), of.aae_autoencoder),
            Turn("discriminator", ("discriminator",), of.aae_discriminator),
            Turn("encoder", ("encoder",), of.aae_encoder, waits=True),
        ),
    ),
    Row(
        "vae",
        (Turn("autoencoder", ("encoder", "generator"), of.vae_autoencoder),),
        bad=(
            ({"beta": -1.0}, r"beta=-1\.0: must be 0 or more"),
            ({"decoder_variance": 0.0}, r"decoder_variance=0\.0: must be positive"),
        ),
    ),
    Row("cvae", (Turn("autoencoder", ("encoder", "generator"), of.vae_autoencoder),), given=("label",)),
    Row(
        "vaegan",
        (
            Turn("discriminator", ("discriminator",), of.vaegan_discriminator),
            Turn("encoder", ("encoder",), of.vaegan_encoder),
            Turn("generator", ("generator",), of.vaegan_generator, waits=True),
        ),
        bad=(({"gamma": -1.0}, r"gamma=-1\.0: must be 0 or more"),),
    ),
    Row(
        "pix2pix",
        two(of.pix2pix_discriminator, of.pix2pix_generator),
        settings=("--data.image_size", "16", "--model.discriminator.receptive_field", "16"),
        given=("source",),
        points=False,
        splits=(),  # dropout
        bad=(({"l1_weight": -1.0}, r"l1_weight=-1\.0: must be 0 or more"),),
    ),
)
ROWS = {row.config: row for row in TABLE}


@cache
def built(config: str, *more: str) -> tuple[Game, LightningDataModule]:
    """The model and the data that the command builds of a row, before their first step; do not change them."""
    found = []
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):  # how every command ends
        patch.setattr(sys, "argv", ["lightning_gans"])
        patch.setattr(Trainer, "fit", lambda _, model, datamodule, **__: found.append((model, datamodule)))
        main(["fit", *ROWS[config].words, *more])
    assert found, f"{config} was refused"
    return found[0]


def arguments_of(model: Game) -> dict[str, Any]:
    """What the command built a model with, as plain data."""
    return {name: copy.deepcopy(value) for name, value in model.hparams.items() if not name.startswith("_")}


def rebuilt(config: str, **changes: Any) -> Game:
    """The same model with other arguments, from plain data as a checkpoint or a config has them."""
    model = built(config)[0]
    arguments = arguments_of(model)
    for name, value in changes.items():
        inside = isinstance(value, dict) and isinstance(arguments.get(name), dict)
        arguments[name] = arguments[name] | value if inside else value
    return instantiate_module(type(model), arguments)


def fit(
    config: str,
    *callbacks: Callback,
    more: tuple[str, ...] = (),
    steps: int = STEPS,
    seed: int = SEED,
    optimization: Mapping[str, Any] | None = None,
    change: Callable[[Game], None] | None = None,
    batch_size: int = BATCH,
    ckpt_path: Path | None = None,
    **trainer: Any,
) -> Game:
    """Train a copy of a row's model.

    Args:
        config: The row.
        callbacks: Of the trainer.
        more: Further words of the command that builds it.
        steps: Up to which step.
        seed: Of the run.
        optimization: Other settings of how it learns; setting them here is quicker than another command.
        change: Done to the model before.
        batch_size: Of each process.
        ckpt_path: What to go on from.
        trainer: Settings of the trainer.
    """
    model, data = (copy.deepcopy(each) for each in built(config, *more))
    model.optimization = replace(model.optimization, **optimization or {})
    data.batch_size = batch_size if not more else data.batch_size
    if change is not None:
        change(model)
    seed_everything(seed, verbose=False)  # also for the strategies that seed each process again
    settings = {**OFF, "max_epochs": -1, "accelerator": "cpu", "log_every_n_steps": 2, **trainer}
    trainer_ = Trainer(max_steps=steps, callbacks=list(callbacks), **settings)
    trainer_.fit(model, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return model


def generated(model: Game) -> torch.Tensor:
    """Some of what a model generates."""
    if can_sample(model):
        return model.sample(6)
    assert can_translate(model)
    shape = model.source_shape
    return model.translate(torch.linspace(-1, 1, 6 * math.prod(shape)).view(6, *shape))
