"""Metrics of other packages beside ours, and a loss that breaks before an evaluation."""

import math

import pytest
import torch
from lightning.pytorch import Trainer

from lightning_gans import GAN
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.data import Digits
from lightning_gans.engine import NonFiniteLossError
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.metrics.kernels import GaussianKernel
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.evaluation.test_commands import MeanLevel


def fit(model, steps, callback):
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(max_steps=steps, max_epochs=-1, accelerator="cpu", callbacks=[callback], **off)
    trainer.fit(model, datamodule=Digits())
    return trainer


def networks():
    return MLPGenerator(4, (1, 8, 8), (8,)), MLPDiscriminator((1, 8, 8), (8,))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path))


def test_kernel_and_further_metrics_are_objects():
    torch.manual_seed(0)
    model = GAN(*networks())
    callback = MetricsCallback(
        DigitsFeatures(), num_samples=50, mmd_kernel=GaussianKernel(10.0), extra_metrics={"brightness": MeanLevel()}
    )
    values = fit(model, 2, callback).callback_metrics
    level = model.sample(50).add(1).mul(127.5).round().mean() - Digits().reference_dataset.images.float().mean()
    assert float(values["metrics/brightness"]) == pytest.approx(float(level), rel=1e-3)
    assert "GaussianKernel" in callback.report.provenance["mmd"]
    assert -1 < float(values["metrics/mmd_digits"]) < 4


def test_an_evaluation_names_the_player_that_broke():
    class Broken(GAN):
        def discriminator_loss(self, batch):
            return super().discriminator_loss(batch) * (math.nan if self.step >= 2 else 1)

    with pytest.raises(NonFiniteLossError, match="loss/discriminator=nan"):
        fit(Broken(*networks()), 30, MetricsCallback(DigitsFeatures(), every_n_steps=4, num_samples=50))
