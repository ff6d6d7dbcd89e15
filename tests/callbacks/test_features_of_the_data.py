"""Features and monitor come from the data, so that one recipe fits any data set."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from lightning_gans import GAN
from lightning_gans.callbacks import MetricsCallback, StepCheckpoint
from lightning_gans.data import Digits, Ring2D
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.features import DigitsFeatures, RandomFeatures
from lightning_gans.networks import MLPDiscriminator, MLPGenerator

pytestmark = pytest.mark.filterwarnings("ignore:.*exists and is not empty")


OFF = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)


class Unknown(Digits):
    def features(self):
        return None


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))


def model():
    torch.manual_seed(0)
    return GAN(MLPGenerator(4, (1, 8, 8), (8,)), MLPDiscriminator((1, 8, 8), (8,)))


def fit(*callbacks, data, steps=2, **settings):
    off = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(max_steps=steps, max_epochs=-1, accelerator="cpu", callbacks=list(callbacks), **off)
    trainer.fit(model(), datamodule=data, **settings)
    return trainer


def kept(path):
    return {file.name for file in path.glob("*.ckpt")}


def test_features_and_monitor_follow_the_data(tmp_path):
    callback, keep = MetricsCallback(num_samples=32), StepCheckpoint(dirpath=str(tmp_path / "kept"))
    trainer = fit(callback, keep, data=Digits())
    assert callback.report.provenance["features"] == "digits"
    assert keep.monitor == "metrics/fid_digits"
    assert keep.best_model_score == trainer.callback_metrics["metrics/fid_digits"]
    assert kept(tmp_path / "kept") == {"best.ckpt", "last.ckpt"}
    content = torch.load(tmp_path / "kept/best.ckpt", weights_only=True)["callbacks"]
    assert [state["monitor"] for state in content.values() if "monitor" in state] == ["metrics/fid_digits"]


def test_given_features_win(tmp_path):
    callback, keep = MetricsCallback(DigitsFeatures(), num_samples=32), StepCheckpoint("metrics/recall", "max")
    fit(callback, keep, data=Unknown())
    assert (callback.report.provenance["features"], keep.monitor) == ("digits", "metrics/recall_digits")


def test_without_features_fit_says_so_once_and_keeps_the_last_state(tmp_path):
    keep = StepCheckpoint(dirpath=str(tmp_path / "kept"))
    with pytest.warns(
        LightningGANsWarning, match=r"no metrics.*--metrics.features InceptionFeatures.*train-features"
    ) as found:
        trainer = fit(MetricsCallback(num_samples=32), keep, data=Unknown())
    assert sum(one.category is LightningGANsWarning for one in found) == 1
    assert not [name for name in trainer.callback_metrics if name.startswith("metrics/")]
    assert kept(tmp_path / "kept") == {"last.ckpt"}


def test_without_features_there_is_nothing_to_validate():
    trainer = Trainer(accelerator="cpu", callbacks=[MetricsCallback()], logger=False, enable_checkpointing=False)
    for measure in (trainer.validate, trainer.test):
        with pytest.raises(ConfigError, match=r"metrics\.features=None"):
            measure(model(), Unknown(), verbose=False)


def test_a_second_fit_on_other_data_asks_them_anew():
    callback = MetricsCallback(num_samples=32)
    fit(callback, data=Digits())
    with pytest.warns(LightningGANsWarning):
        fit(callback, data=Unknown())
    assert callback.evaluator is None
    assert callback.report is None


@pytest.mark.filterwarnings("ignore:resumed after step")
def test_a_resumed_run_keeps_its_best(tmp_path):
    folder = str(tmp_path / "kept")
    first = StepCheckpoint(dirpath=folder)
    fit(MetricsCallback(num_samples=32), first, data=Digits())
    second, callback = StepCheckpoint(dirpath=folder), MetricsCallback(num_samples=32)
    fit(callback, second, data=Digits(), steps=3, ckpt_path=tmp_path / "kept/last.ckpt")
    assert second.best_model_score <= first.best_model_score


def test_some_or_none_of_the_real_images():
    """A share of them is spread over all; 0 measures nothing in fit; fast_dev_run looks at 64."""
    for settings, smoke, expected in (
        ({"num_reference": 100}, False, 100),
        ({}, 2, 64),
        ({"every_n_steps": 0}, False, None),
    ):
        callback = MetricsCallback(num_samples=64, **settings)
        off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = Trainer(max_steps=2, accelerator="cpu", callbacks=[callback], fast_dev_run=smoke, **off)
        trainer.fit(model(), datamodule=Digits())
        measured = None if callback.report is None else callback.report.provenance["real"]["count"]
        assert measured == expected
    with pytest.raises(ConfigError, match="num_reference=1"):
        MetricsCallback(num_reference=1)


def test_best_is_the_direction_in_which_a_metric_improves(tmp_path):
    for monitor, mode in (("metrics/recall", "max"), ("metrics/fid", "min")):
        keep = StepCheckpoint(monitor, dirpath=str(tmp_path / mode))
        fit(MetricsCallback(num_samples=32), keep, data=Digits())
        assert keep.mode == mode
    assert StepCheckpoint(save_top_k=3).filename == "best-{step}"
    ring = Ring2D(num_samples=200, batch_size=20)
    for monitor, mode in (("metrics/modes", "max"), ("metrics/jsd", "min")):
        keep = StepCheckpoint(monitor, dirpath=str(tmp_path / f"ring_{mode}"))
        networks = MLPGenerator(4, (2,), (8,), tanh_output=False), MLPDiscriminator((2,), (8,))
        trainer = Trainer(max_steps=1, accelerator="cpu", callbacks=[MetricsCallback(num_samples=32), keep], **OFF)
        trainer.fit(GAN(*networks), datamodule=ring)
        assert keep.mode == mode


def test_a_metric_of_the_second_extractor_has_a_direction_too(tmp_path):
    keep = StepCheckpoint("metrics/recall_digits", dirpath=str(tmp_path))
    first, second = (MetricsCallback(kind, num_samples=32) for kind in (RandomFeatures(), DigitsFeatures()))
    fit(first, second, keep, data=Digits(), steps=1)
    assert keep.mode == "max"


class Scored(Callback):
    """Logs a score each step, and breaks the weights in one of them."""

    def on_train_batch_end(self, trainer, pl_module, *_):
        score = {4: 3.0, 6: 1.0}.get(trainer.global_step)
        if trainer.global_step == 6:
            with torch.no_grad():
                next(pl_module.generator.parameters()).fill_(torch.nan)
        if score is not None:
            trainer.callback_metrics["score"] = torch.tensor(score)


def test_weights_of_a_rollback_do_not_get_the_score_of_the_lost_ones(tmp_path, capsys):
    keep = StepCheckpoint("score", dirpath=str(tmp_path / "kept"), every_n_steps=2, max_rollbacks=1)
    fit(Scored(), keep, data=Digits(), steps=7)
    assert "went back to the weights of step 4" in capsys.readouterr().err
    assert torch.load(tmp_path / "kept/best.ckpt", weights_only=True)["lightning_gans"]["step"] == 4
    assert float(keep.best_model_score) == 3.0
