"""How a row of the table is built, trained and watched."""

import copy
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from lightning.pytorch.cli import instantiate_module

from lightning_gans.cli import main
from lightning_gans.data import Ring2D
from lightning_gans.data.captions import CaptionedData
from lightning_gans.engine import Game, can_sample, can_translate
from lightning_gans.engine.migration import KEY
from tests.games import same
from tests.models.harness import BATCH, ROWS

STEPS, STOP, SEED = 5, 2, 7  # five: whoever is updated in every fifth step only is so once
OFF = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


def built(config: str, *more: str) -> tuple[Game, LightningDataModule]:
    """The model and the data that the command builds of a row, before their first step; do not change them."""
    return built_of(*ROWS[config].words, *more)


@cache
def built_of(*words: str) -> tuple[Game, LightningDataModule]:
    """The same of any words behind ``lightning_gans fit``."""
    found = []
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):  # how every command ends
        patch.setattr(sys, "argv", ["lightning_gans"])
        patch.setattr(Trainer, "fit", lambda _, model, datamodule, **__: found.append((model, datamodule)))
        main(["fit", *words])
    assert found, f"{' '.join(words)} was refused"
    model, data = found[0]
    if isinstance(data, CaptionedData):  # drawn and embedded once, not in each fit
        data.train_dataloader()
    return model, data


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


def on_points(config: str) -> Game:
    """The same model with networks for points of the plane, which are told of them as the command tells networks."""
    model = built(config)[0]
    arguments, kind = arguments_of(model), type(model)
    classes = Ring2D().num_classes
    data = {"image_shape": (2,), "source_shape": None, "latent_dim": model.latent_dim, "num_classes": classes}
    networks: dict[str, Any] = {"num_classes": classes}
    for role, name in (("generator", "Generator"), ("encoder", "Encoder"), ("discriminator", "Discriminator")):
        if role in arguments:
            told = {"hidden_dims": [16], **kind.network_kwargs(role, data, arguments)}
            told |= {"tanh_output": False} if role == "generator" else {}
            networks[role] = {"class_path": f"lightning_gans.networks.MLP{name}", "init_args": told}
    return instantiate_module(kind, arguments | networks)


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
    holes = {"mask": torch.ones(6, 1, *shape[1:]).triu()} if "mask" in model.given else {}
    return model.translate(torch.linspace(-1, 1, 6 * math.prod(shape)).view(6, *shape), **holes)


class Watch(Callback):
    """Keeps the batches, whose parameters each update changed, a checkpoint of the middle, and the state at the end."""

    def __init__(self, checkpoints):
        self.checkpoints, self.batches, self.updates, self.end = checkpoints, [], [], None

    def on_train_start(self, trainer, pl_module):
        update = pl_module._update

        def watched(index, *rest):
            before = _networks(pl_module)
            update(index, *rest)
            after = _networks(pl_module)
            changed = {name for name, old in before.items() if not same(old, after[name])}
            self.updates.append((pl_module._roster.players[index].name, changed))

        pl_module._update = watched

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches.append(copy.deepcopy(batch))

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step in self.checkpoints:
            trainer.save_checkpoint(self.checkpoints[trainer.global_step])

    def on_train_end(self, trainer, pl_module):
        del pl_module._update
        content = copy.deepcopy(trainer._checkpoint_connector.dump_checkpoint(False))
        self.end = {name: content[name] for name in ("state_dict", "optimizer_states", "lr_schedulers", KEY)}
        self.end["generated"] = generated(pl_module)


def _networks(model):
    """The parameters of each network that are trained; averages follow theirs."""
    networks = {name: net for name, net in model.named_children() if name != "ema"}
    return {
        name: {key: p.detach().clone() for key, p in net.named_parameters() if p.requires_grad}
        for name, net in networks.items()
    }


class Agree(Callback):
    """All processes must hold the same weights, bit for bit; the first keeps them in a file where it is asked to."""

    def __init__(self, file=None):
        self.file = file

    def on_train_end(self, trainer, pl_module):
        mine = torch.cat([p.detach().flatten() for p in pl_module.parameters()])
        everyone = pl_module.all_gather(mine)
        assert everyone.shape[0] == trainer.world_size == 2
        assert torch.equal(everyone[0], everyone[1])
        assert bool(mine.isfinite().all())
        if self.file is not None and trainer.is_global_zero:
            torch.save(pl_module.state_dict(), self.file)
