"""A translator measured on held-out pairs of emoji: what copying the drawing scores is known without training."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import Subset

from lightning_gans import VAE, Pix2Pix
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.data import Digits, EmojiPairs
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource, TranslatedSource
from lightning_gans.images import from_uint8
from lightning_gans.networks import MLPEncoder, MLPGenerator, PatchDiscriminator


class Copy(nn.Module):
    """Gives the source back."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, source):
        return self.weight * source


@pytest.fixture(scope="module")
def data():
    return EmojiPairs(image_size=32)


@pytest.fixture(scope="module")
def report(data):
    discriminator = PatchDiscriminator((3, 32, 32), source_shape=(3, 32, 32), base_channels=4)
    model = Pix2Pix(Copy(), discriminator, source_shape=(3, 32, 32))
    evaluator = Evaluator(data.features(), cache=None, extra_metrics=data.metrics())
    fake = TranslatedSource(model, data.test_dataset)
    return evaluator.evaluate(fake, DatasetSource(data.reference_dataset))


def test_figures_of_copying(report, data):
    images, sources = (part.double() / 255 for part in (data.test_dataset.images, data.test_dataset.sources))
    squared = (images - sources).square().mean((1, 2, 3))
    assert report.values["l1"] == pytest.approx(float((images - sources).abs().mean()), rel=1e-5)
    expected = (-10 * squared.log10()).clamp_max(10 * math.log10(12 * 255**2)).mean()  # drawings in black are copied
    assert report.values["psnr"] == pytest.approx(float(expected), rel=1e-5)
    assert 0.7 < report.values["ssim"] < 0.95


def test_a_drawing_has_no_colors_to_fill_in(report):
    assert 0.6 < report.values["fill_frechet"] < 0.8, "white from the colors of the targets"
    assert report.values["hue_entropy"] == 0
    assert report.values["hue_tv"] == pytest.approx(0.5)
    assert 2.2 < report.values["hue_entropy_target"] < 2.6


def test_copies_are_not_the_targets(report):
    assert report.values["fid_emoji"] > 5 * report.real_vs_real["fid_emoji"]
    assert report.provenance["fake"]["kind"] == "Pix2Pix"
    assert report.provenance["fake"]["conditions"]["sha256"] == report.provenance["real"]["sha256"]
    assert "class_accuracy_emoji" not in report.values


def test_a_translator_is_compared_with_held_out_pairs_or_the_reference_of_unpaired_data(data):
    pairs, colored = data.test_dataset, Subset(data.test_dataset, [0, 1])

    def compared(**datamodule):
        loader = SimpleNamespace(dataset=pairs)
        loop = {"training": True, "validating": False, "testing": False, "fast_dev_run": False}
        trainer = SimpleNamespace(datamodule=SimpleNamespace(**datamodule), val_dataloaders=loader, **loop)
        return MetricsCallback()._real(trainer, Copy()).dataset

    assert compared(reference_dataset=colored, test_dataset=pairs) is pairs, "not the images that were trained on"
    assert compared(reference_dataset=colored, test_dataset=pairs, paired=False) is colored, "each image once"
    assert compared(test_dataset=pairs, paired=False) is pairs
    assert compared() is pairs, "of the validation loader"


def test_reconstructions_of_an_encoder_are_those_of_the_labeled_images():
    torch.manual_seed(0)
    model = VAE(MLPGenerator(3, (1, 8, 8), (4,)), MLPEncoder((1, 8, 8), (4,), out_features=6))
    data = Digits()
    real = DatasetSource(data.reference_dataset)
    rebuilt = GeneratedSource(model, 50).reconstructions(real)
    expected = model.reconstruct(from_uint8(data.reference_dataset.images[5:9]))
    torch.testing.assert_close(from_uint8(rebuilt.images(5, 9)), expected, atol=1 / 127, rtol=0)
    assert torch.equal(rebuilt.targets(5, 9), data.reference_dataset.images[5:9])
    assert torch.equal(rebuilt.condition(5, 9).label, data.reference_dataset.labels[5:9])
    values = Evaluator(data.features(), cache=None).evaluate(GeneratedSource(model, 50), real).values
    assert 0 < values["reconstruction_accuracy_digits"] < 0.5
