"""Every recipe under what a user may put it: interruption, lower precision, chunks, compilation."""

import copy
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Callback, Trainer

from lightning_gans.cli import main
from lightning_gans.engine import compilation
from tests.engine.test_resume import assert_equal

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
STEPS, STOP = 5, 2  # five: whoever moves in every fifth step only moves too
QUICK = ("--trainer.logger", "false", "--data.batch_size", "16")
OFF = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


def narrow(recipe):
    """Settings for networks of few channels where a recipe says how wide they are."""
    model = yaml.safe_load((CONFIGS / f"{recipe}.yaml").read_text())["model"]["init_args"]
    nodes = {role: node for role, node in model.items() if isinstance(node, dict)}
    wide = [role for role, node in nodes.items() if "base_channels" in node.get("init_args", {})]
    return [word for role in wide for word in (f"--model.{role}.base_channels", "8")]


@cache
def built(recipe, *settings):
    """The model and the data that the command builds of a recipe, before their first step."""
    found = []
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):  # how every command ends
        patch.setattr(sys, "argv", ["lightning_gans"])
        patch.setattr(Trainer, "fit", lambda _, model, datamodule, **__: found.append((model, datamodule)))
        main(["fit", "--config", recipe, *narrow(recipe), *QUICK, *settings])
    assert found, f"{recipe} was refused"
    return found[0]


def fit(recipe, steps, *callbacks, settings=(), engine=None, ckpt_path=None, **kwargs):
    """Play some steps on a copy, with other settings of the command or, which is quicker, of the engine."""
    model, data = (copy.deepcopy(each) for each in built(recipe, *settings))
    for name, value in (engine or {}).items():
        assert hasattr(model, name)
        setattr(model, name, value)
    torch.manual_seed(7)
    kwargs = {**OFF, "max_epochs": -1, "accelerator": "cpu", "log_every_n_steps": 2, **kwargs}
    trainer = Trainer(max_steps=steps, callbacks=list(callbacks), **kwargs)
    trainer.fit(model, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return model


class Saved(Callback):
    """Saves the state once, as a run that is stopped there would leave it; and keeps what the run ends with."""

    def __init__(self, path):
        self.path, self.end = path, None

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == STOP:
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer, pl_module):
        content = trainer._checkpoint_connector.dump_checkpoint(False)
        self.end = {name: content[name] for name in ("state_dict", "optimizer_states", "game")}
        self.end["samples"] = pl_module.sample(6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_stopped_run_goes_on_bit_for_bit(recipe, tmp_path):
    whole, parts = Saved(tmp_path / "stopped.ckpt"), Saved(tmp_path / "unused.ckpt")
    fit(recipe, STEPS, whole)
    fit(recipe, STEPS, parts, ckpt_path=whole.path)
    assert_equal(whole.end, parts.end, recipe)


@pytest.mark.parametrize("recipe", RECIPES)
def test_any_recipe_plays_points(recipe):
    model = fit(recipe, STEPS, settings=("--config", "data/ring"))
    assert model.sample(4).shape == (4, 2)


@pytest.mark.parametrize("recipe", RECIPES)
def test_lower_precision_learns_in_whole_weights(recipe):
    model = fit(recipe, STEPS, precision="bf16-mixed")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(bool(value.isfinite().all()) for value in model.state_dict().values())
    for player, before in zip(model.players(), built(recipe)[0].players(), strict=True):
        pairs = zip(player.parameters(), before.parameters(), strict=True)
        assert not all(torch.equal(after, p) for after, p in pairs), player.name


@pytest.mark.parametrize("recipe", RECIPES)
def test_chunks_of_a_batch(recipe):
    model = fit(recipe, STEPS, engine={"accumulate": 2})
    assert bool(model.sample(4).isfinite().all())


@pytest.fixture
def traced(monkeypatch):
    """Compile by tracing alone, which takes a second instead of half a minute."""
    graphs, compile_ = [], torch.compile

    def trace(module, inputs):
        graphs.append(module)
        return module.forward

    monkeypatch.setattr(compiling.torch, "compile", lambda function: compile_(function, backend=trace))
    torch._dynamo.reset()
    yield graphs
    torch._dynamo.reset()


@pytest.mark.parametrize("recipe", RECIPES)
def test_compiled_equals_uncompiled(recipe, traced):
    plain = fit(recipe, STEPS)
    assert not traced
    compiled = fit(recipe, STEPS, engine={"compiles": True})
    assert len(traced) >= 2
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], weight, rtol=1e-4, atol=1e-5)
