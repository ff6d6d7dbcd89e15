"""Whether samples show the class that was asked for, and reconstructions the class of their image."""

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import TensorDataset

from lightning_gans import ConditionalGAN, ConditionalVAE
from lightning_gans.batch import Condition
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.cli import main
from lightning_gans.data import Digits, ImageDataset
from lightning_gans.data.datasets import BatchedDataset
from lightning_gans.evaluation.evaluator import Evaluator, Report
from lightning_gans.evaluation.features import DigitsFeatures, FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.metrics.functional import class_accuracy
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource
from lightning_gans.images import from_uint8, to_uint8
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPEncoder, MLPGenerator

REAL = Digits().reference_dataset
N, NOTHING = 300, Condition()


class Faithful:
    """Sample i is real image i, and said to be of its class shifted by some."""

    given, num_classes = ("label",), 10

    def __init__(self, shift=0):
        self.shift = shift

    def sample(self, n, *, labels=None, seed=0, truncation=None, ema=True, start=0):
        return from_uint8(REAL.images[start : start + n])

    def sample_condition(self, first, last, seed):
        return Condition(label=(REAL.labels[first:last] + self.shift) % 10)


class Autoencoder(Faithful):
    """Gives real images back, inverted or as they are, and insists on their labels."""

    given = ()

    def __init__(self, sign=1):
        self.sign = sign

    def encode(self, images, condition=NOTHING, *, ema=True):
        return images.flatten(1)

    def reconstruct(self, images, condition=NOTHING, *, ema=True):
        if condition.label is not None:
            assert len(condition.label) == len(images)
        return self.sign * images


class Pixels(FeatureExtractor):
    """No classifier."""

    preprocessing = "none"

    def extract(self, images):
        return FeatureBatch(images.float().flatten(1))


def figures(model, real=REAL, features=None):
    evaluator = Evaluator(features or DigitsFeatures(), batch_size=64, cache=None)
    return evaluator.evaluate(GeneratedSource(model, N), DatasetSource(real)).values


def classifiers_own(images, labels):
    """How often the classifier is right of these images."""
    return float((DigitsFeatures()(images).logits.argmax(1) == labels).double().mean())


def test_of_real_images_it_is_the_classifiers_own():
    values = figures(Faithful())
    assert values["class_accuracy_digits"] == classifiers_own(REAL.images[:N], REAL.labels[:N]) > 0.95
    assert "reconstruction_accuracy_digits" not in values


def test_of_the_wrong_class_it_is_low():
    assert figures(Faithful(shift=1))["class_accuracy_digits"] < 0.05


def test_reconstructions_that_are_the_images():
    values = figures(Autoencoder())
    assert values["reconstruction_accuracy_digits"] == classifiers_own(REAL.images, REAL.labels) > 0.95
    assert "class_accuracy_digits" not in values


def test_reconstructions_of_something_else():
    expected = classifiers_own(255 - REAL.images, REAL.labels)
    assert expected < 0.5
    assert figures(Autoencoder(sign=-1))["reconstruction_accuracy_digits"] == pytest.approx(expected)


def test_no_figures_where_classes_are_not_those_of_the_classifier():
    fewer = Faithful()
    fewer.num_classes = 8
    assert not any("accuracy" in name and "one_nn" not in name for name in figures(fewer))
    assert not any("class_accuracy" in name for name in figures(Faithful(), features=Pixels("pixels")))
    unlabeled, few = TensorDataset(REAL.images), TensorDataset(REAL.images, REAL.labels % 8)
    for real in (unlabeled, few):
        assert "reconstruction_accuracy_digits" not in figures(Autoencoder(), real)


class Batches(BatchedDataset):
    """The digits, with labels or without; remembers how many were asked for at once."""

    def __init__(self, labels):
        self.labels, self.largest = labels, 0

    def __len__(self):
        return len(REAL)

    def __getitems__(self, indices):
        self.largest = max(self.largest, len(indices))
        return ImageDataset(REAL.images, self.labels).__getitems__(indices)

    def fingerprint(self):
        return "digits"


class Counting(DigitsFeatures):
    """Counts what it is shown."""

    seen = 0

    def extract(self, images):
        self.seen += len(images)
        return super().extract(images)


@pytest.mark.parametrize(("labels", "of_use"), [(REAL.labels, True), (REAL.labels % 8, False), (None, False)])
def test_images_are_rebuilt_only_where_their_classes_can_be_compared_and_never_all_at_once(labels, of_use):
    real, counting = Batches(labels), Counting()
    values = figures(Autoencoder(), real, counting)
    assert ("reconstruction_accuracy_digits" in values) is of_use
    assert counting.seen == N + len(REAL) * (2 if of_use else 1)
    assert real.largest == 64


def test_an_autoencoder_that_needs_labels_is_measured_on_unlabeled_images_too():
    networks = (
        MLPGenerator(3, (1, 8, 8), (4,), num_classes=10),
        MLPEncoder((1, 8, 8), (4,), out_features=6, num_classes=10),
    )
    values = figures(ConditionalVAE(*networks, num_classes=10), Batches(None))
    assert "class_accuracy_digits" in values
    assert "reconstruction_accuracy_digits" not in values


def test_the_callback_measures_what_the_model_was_asked_for(tmp_path):
    torch.manual_seed(0)
    model = ConditionalGAN(
        DCGANGenerator(8, (1, 8, 8), 4, num_classes=10),
        DCGANDiscriminator((1, 8, 8), 4, num_classes=10),
        num_classes=10,
    )
    callback = MetricsCallback(num_samples=100, batch_size=64, seed=3)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(max_steps=1, accelerator="cpu", callbacks=[callback], default_root_dir=tmp_path, **quiet)
    trainer.fit(model, datamodule=Digits())
    shown = DigitsFeatures()(to_uint8(model.sample(100, seed=3))).logits
    expected = class_accuracy(shown, model.sample_condition(0, 100, 3).label)
    assert float(trainer.callback_metrics["metrics/class_accuracy_digits"]) == pytest.approx(expected)
    assert callback.metric_names()["metrics/class_accuracy_digits"] is True


def test_the_command_reports_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    small = ["--model.generator.init_args.base_channels", "4", "--model.discriminator.init_args.base_channels", "4"]
    quick = ["--trainer.max_steps", "2", "--trainer.logger", "false", "--trainer.default_root_dir", "run"]
    main(["fit", "--config", "cgan", *small, *quick, "--metrics.num_samples", "50"])
    checkpoint = "run/checkpoints/last.ckpt"
    main(["evaluate", "--real", "Digits", "--checkpoint", checkpoint, "--num_samples", "80", "--output", "report.json"])
    model = ConditionalGAN.load_from_checkpoint(checkpoint)
    expected = class_accuracy(
        DigitsFeatures()(to_uint8(model.sample(80))).logits, model.sample_condition(0, 80, 0).label
    )
    assert Report.from_file("report.json").values["class_accuracy_digits"] == pytest.approx(expected)
