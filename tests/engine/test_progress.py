"""A bare trainer shows a game's losses on one bar for the whole run, and nothing that is no news."""

import warnings

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar

from lightning_gans.callbacks import StepProgressBar
from lightning_gans.data import Ring2D
from tests.games import gan

QUIET = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_model_summary": False}


def test_a_bare_trainer_shows_losses_and_no_warnings(capsys):
    trainer, model = Trainer(max_steps=20, **QUIET), gan()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer.fit(model, Ring2D(batch_size=32, num_samples=320))
    assert [str(each.message) for each in told] == []
    shown = capsys.readouterr()
    last = (shown.out + shown.err).rpartition("steps: 100%")[2]
    assert "20/20" in last
    assert f"discriminator={trainer.logged_metrics['loss/discriminator']:.5g}" in last
    assert f"images/s={trainer.logged_metrics['images_per_second']:.0f}" in last
    assert "v_num" not in shown.out + shown.err
    (bar,) = (each for each in trainer.callbacks if "ProgressBar" in type(each).__name__)
    trainer.fit_loop.epoch_loop.max_steps = 25
    trainer.fit(model, Ring2D(batch_size=32, num_samples=320))
    assert trainer.progress_bar_callback is bar


@pytest.mark.parametrize("bar", [RichProgressBar(leave=True), TQDMProgressBar(), StepProgressBar(7)])
def test_a_bar_that_is_given_stays(bar):
    trainer = Trainer(max_steps=2, callbacks=[bar], **QUIET)
    trainer.fit(gan(), Ring2D(batch_size=32, num_samples=320))
    assert trainer.callbacks == [bar]


def test_it_moves_once_a_second_however_slow_the_steps_are(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr("lightning_gans.engine.progress.time.monotonic", lambda: 0.6 * next(clock))
    trainer, seen = Trainer(max_steps=6, callbacks=[StepProgressBar(100)], **QUIET), []
    monkeypatch.setattr(StepProgressBar, "get_metrics", lambda *_: seen.append(trainer.global_step) or {})
    trainer.fit(gan(), Ring2D(batch_size=32, num_samples=320))
    assert seen == [2, 4, 6]
