"""The threads of a run: by the work of its first step, unless somebody says otherwise."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils.flop_counter import FlopCounterMode

from lightning_gans import GAN
from lightning_gans.callbacks import ThreadChoice, threads
from lightning_gans.data import Digits
from lightning_gans.errors import ConfigError
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.regularizers import R1


class Seen(Callback):
    """The number of threads in each step."""

    def __init__(self):
        self.counts = []

    def on_train_batch_start(self, *_):
        self.counts.append(torch.get_num_threads())


@pytest.fixture
def fit(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    number = [2]  # not torch's own: two threads beside a busy process are what the choice avoids
    monkeypatch.setattr(torch, "get_num_threads", lambda: number[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: number.__setitem__(0, count))

    def run(choice, *others, steps=2, path=None, **settings):
        seen = Seen()
        model = GAN(
            MLPGenerator(4, (1, 8, 8), hidden_dims=(8,)), MLPDiscriminator((1, 8, 8), hidden_dims=(8,)), **settings
        )
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = Trainer(
            max_steps=steps,
            max_epochs=-1,
            enable_checkpointing=False,
            accelerator="cpu",
            callbacks=[choice, seen, *others],
            **quiet,
        )
        trainer.fit(model, Digits(batch_size=16), ckpt_path=path)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        assert torch.get_num_threads() == 2  # given back
        return list(dict.fromkeys(seen.counts))

    return run


def test_a_small_game_has_one_thread(fit, capsys):
    assert fit(ThreadChoice()) == [1]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "threads" in line]
    assert line.startswith("1 of 2 threads (a step is ")
    assert "OMP_NUM_THREADS" in line


def test_a_large_one_has_all_after_its_first_step_and_when_it_goes_on(fit, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(threads, "FLOPS_PER_THREAD", 1)
    assert fit(ThreadChoice()) == [1, 2]
    capsys.readouterr()
    assert fit(ThreadChoice(), steps=4, path=tmp_path / "last.ckpt") == [2]
    assert "threads" not in capsys.readouterr().out


def test_the_environment_and_the_setting_win(fit, monkeypatch, capsys):
    monkeypatch.setattr(threads, "FLOPS_PER_THREAD", 1)
    assert fit(ThreadChoice(num_threads=1)) == [1]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert fit(ThreadChoice()) == [2]
    assert "threads" not in capsys.readouterr().out


def test_gradient_penalties_are_counted(fit):
    assert fit(ThreadChoice(), regularizers=[R1(interval=1)]) == [1]


def test_as_many_operations_as_torch_counts():
    network, images = MLPDiscriminator((1, 8, 8), hidden_dims=(8,)), torch.rand(4, 1, 8, 8)
    with threads._OperationCounter() as ours:
        network(images).sum().backward()
    with FlopCounterMode(display=False) as theirs:
        network(images).sum().backward()
    assert ours.flops == theirs.get_total_flops() > 0


def test_a_run_that_fails_counts_no_longer(fit):
    class Failing(Callback):
        def on_before_optimizer_step(self, *_):
            raise RuntimeError("as it may")

    with pytest.raises(RuntimeError, match="as it may"):
        fit(ThreadChoice(), Failing())
    assert torch.get_num_threads() == 2
    assert len(_get_current_dispatch_mode_stack()) == 0


def test_no_threads_are_refused():
    with pytest.raises(ConfigError, match="num_threads"):
        ThreadChoice(num_threads=0)
