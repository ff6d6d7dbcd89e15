"""Ctrl-C and SIGTERM finish the step and leave; the process and the trainer get back what was theirs."""

import signal

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lightning_gans.callbacks import StepCheckpoint
from tests.games import gan, train

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Spy(Callback):
    """Notes what is replaced while a step runs, and sends a signal or raises in one of them."""

    def __init__(self, *signals, step=2, error=None):
        self.signals, self.step, self.error = signals, step, error
        self.replaced, self.steps = set(), []

    def on_train_batch_end(self, trainer, *_):
        self.trainer = trainer
        self.replaced.add("_broadcast_sigterm_tensor" in vars(trainer.fit_loop.epoch_loop))
        self.steps.append(trainer.global_step)
        if trainer.global_step == self.step:
            if self.error is not None:
                raise self.error
            for number in self.signals:
                signal.raise_signal(number)


def checkpoint(folder):
    return StepCheckpoint(monitor=None, dirpath=str(folder), every_n_steps=100)


def run(*callbacks, steps=5):
    train(gan(), steps, callbacks=list(callbacks), enable_checkpointing=True)


@pytest.fixture(autouse=True)
def handlers_stay():
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


def private_method_is_back(spy):
    loop = spy.trainer.fit_loop.epoch_loop
    return spy.replaced == {True} and loop._broadcast_sigterm_tensor.__func__ is type(loop)._broadcast_sigterm_tensor


def test_the_trainers_method_is_back_after_training(tmp_path):
    spy = Spy()
    run(spy, checkpoint(tmp_path))
    assert spy.steps == [1, 2, 3, 4, 5]
    assert private_method_is_back(spy)


def test_the_trainers_method_is_back_after_an_error(tmp_path):
    spy = Spy(error=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run(spy, checkpoint(tmp_path))
    assert private_method_is_back(spy)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, SystemExit), (signal.SIGTERM, SIGTERMException)])
def test_a_signal_finishes_the_step_and_saves_it(tmp_path, number, error, capsys):
    spy = Spy(number)
    with pytest.raises(error):
        run(spy, checkpoint(tmp_path))
    assert spy.steps == [1, 2]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["lightning_gans"]["step"] == 2
    assert "Interrupted after 2 steps; go on with --ckpt_path" in capsys.readouterr().err
    assert private_method_is_back(spy)


def test_a_second_one_leaves_at_once(tmp_path):
    spy = Spy(signal.SIGINT, signal.SIGINT)
    with pytest.raises(SystemExit):
        run(spy, checkpoint(tmp_path))
    assert private_method_is_back(spy)


def test_of_two_callbacks_one_catches_and_both_save(tmp_path):
    spy = Spy(signal.SIGINT)
    other = StepCheckpoint("metrics/recall", dirpath=str(tmp_path / "b"))
    with pytest.raises(SystemExit):
        run(spy, checkpoint(tmp_path / "a"), other)
    assert (tmp_path / "a/last.ckpt").is_file()
    assert (tmp_path / "b/last.ckpt").is_file()
    assert private_method_is_back(spy)


def test_a_model_forgets_the_callback_after_training(tmp_path):
    """Else its next run, without one, would go back to the states of this one."""
    model = gan()
    keep = StepCheckpoint(monitor=None, dirpath=str(tmp_path), max_rollbacks=1)
    spy = Forgetful()
    train(model, 2, callbacks=[keep, spy], enable_checkpointing=True)
    assert spy.handled
    assert model.on_divergence is None


class Forgetful(Callback):
    """Looks whether the model knows whom to ask while it trains."""

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.handled = pl_module.on_divergence is not None
