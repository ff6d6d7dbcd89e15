"""Compiled networks train what uncompiled ones train."""

import copy

import pytest
import torch
from torch import nn

from lightning_gans import GAN, WGANGP, ConfigError
from lightning_gans.engine import compilation
from lightning_gans.regularizers import R1
from tests.cases import few
from tests.games import gan, networks, same, state, train


@pytest.fixture
def backend(monkeypatch):
    """Compile by tracing alone, which takes a second instead of half a minute; counts what is compiled."""
    graphs = []

    def trace(module, inputs):
        graphs.append(module)
        return module.forward

    compile_ = torch.compile
    monkeypatch.setattr(compilation.torch, "compile", lambda function: compile_(function, backend=trace))
    torch._dynamo.reset()
    yield graphs
    torch._dynamo.reset()


COMPILED = {"compile": True}


def sequential(**kwargs):
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    return GAN(generator, nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), latent_dim=3, **kwargs)


def penalized(optimization):
    """The gradient of D's slope is no part of what was compiled."""
    return gan(WGANGP, optimization=optimization | {"n_critic": 2}, regularizers=[R1(interval=2)])


@pytest.mark.parametrize("build", few([gan, sequential, penalized], [penalized]))
def test_compiled_equals_uncompiled(build, backend):
    plain, compiled = build(optimization={"ema_decay": 0.9}), build(optimization={"ema_decay": 0.9, "compile": True})
    keys = state(compiled).keys()
    train(plain, 6)
    assert not backend
    train(compiled, 6)
    assert len(backend) >= 2
    assert state(compiled).keys() == keys | state(plain).keys()
    for name, weight in state(plain).items():
        torch.testing.assert_close(state(compiled)[name], weight, rtol=0, atol=1e-6)
    assert torch.allclose(compiled.sample(4), plain.sample(4), atol=1e-5)


def test_the_average_and_copies_stay_uncompiled(backend):
    model = sequential(optimization={"compile": True, "ema_decay": 0.9})
    train(model, 2)
    before = len(backend)
    model.sample(4)
    copied = copy.deepcopy(model.generator)
    copied(torch.randn(5, 3))
    assert len(backend) == before
    assert same(state(copied), state(model.generator))


@pytest.mark.slow  # compiled equals uncompiled, which resumes
def test_compiled_runs_resume(backend, tmp_path):
    whole, first, second = (sequential(optimization=COMPILED) for _ in range(3))
    train(whole, 32)
    train(first, 16).save_checkpoint(tmp_path / "half.ckpt")  # an epoch
    train(second, 32, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(second))


class Split(nn.Module):
    """A network in parts that cannot be called as a whole."""

    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(3, 2)])

    def forward(self, z):
        return self.parts[0](z)


def test_containers_are_compiled_part_by_part(backend):
    model = Split()
    compilation.compile_networks([model.parts])
    assert model.parts[0]._compiled_call_impl is not None
    model(torch.randn(2, 3))
    assert len(backend) == 1


@pytest.mark.slow
def test_two_processes(backend):
    train(gan(optimization=COMPILED), 3, strategy="ddp_fork", devices=2)


def test_what_cannot_be_compiled_is_refused_in_one_line(backend, monkeypatch):
    def broken(module, inputs):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(compilation.torch, "compile", lambda function: torch._dynamo.optimize(broken)(function))
    with pytest.raises(
        ConfigError, match=r"compile=True: cannot be done here \(.*No working C\+\+ compiler found.*leave"
    ) as told:
        train(gan(optimization=COMPILED), 2)
    assert "\n" not in str(told.value)

    def unable(function):
        raise RuntimeError("torch.compile is not supported on this Python")

    monkeypatch.setattr(compilation.torch, "compile", unable)
    with pytest.raises(ConfigError, match="not supported on this Python"):
        train(gan(optimization=COMPILED), 2)


def test_errors_of_the_users_code_stay_what_they_are(backend):
    class Wrong(GAN):
        def generator_loss(self, batch):
            return torch.randn(2, 3) @ torch.randn(2, 3)

    for compile_ in (False, True):
        with pytest.raises(RuntimeError, match=r"mat1 and mat2|shapes cannot be multiplied"):
            train(Wrong(*networks(), optimization={"compile": compile_}), 1)
