"""The shipped classifiers: accurate, informative, offline, and reproducible by the trainer in the package."""

import gzip
import os
from pathlib import Path

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import (
    Classifier,
    ClassifierFeatures,
    ColoredDigitsFeatures,
    DigitsFeatures,
    MNISTFeatures,
    load_classifier,
    save_classifier,
)
from lightning_gans.evaluation.features import train as trainer
from lightning_gans.images import from_uint8

WEIGHTS = Path(trainer.__file__).parent / "weights"


@pytest.fixture(scope="module")
def digits():
    return trainer.load_digits()


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    folder = os.environ.get("LIGHTNING_GANS_DATA")
    if folder is None:
        pytest.skip("LIGHTNING_GANS_DATA is not set")
    raw = tmp_path_factory.mktemp("data") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in (Path(folder) / "MNIST" / "raw").glob("*.gz"):
        (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return trainer.load_mnist(raw.parent.parent)


def frechet(real, fake):
    """Frechet distance by the textbook formula, in float64; small and slow."""
    real, fake = real.double(), fake.double()
    covariances = torch.cov(real.T), torch.cov(fake.T)
    cross = torch.linalg.eigvals(covariances[0] @ covariances[1]).real.clamp(min=0).sqrt().sum()
    means = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    return float(means + covariances[0].trace() + covariances[1].trace() - 2 * cross)


def test_files_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 3_000_000


@pytest.mark.parametrize(
    ("extractor", "shape", "accuracy"),
    [
        (DigitsFeatures, (1, 8, 8), 0.98),
        (MNISTFeatures, (1, 28, 28), 0.992),
        (ColoredDigitsFeatures, (3, 32, 32), 0.98),
    ],
)
def test_file_tells_its_story(extractor, shape, accuracy):
    shipped = extractor()
    assert shipped.image_shape == shape
    assert shipped.facts["image_shape"] == list(shape)
    assert shipped.num_classes == shipped.facts["num_classes"] == 10
    assert shipped.facts["name"] == shipped.name
    assert shipped.facts["test_accuracy"] >= accuracy
    assert {"seed", "data", "epochs", "version", "test_images"} <= set(shipped.facts)


def test_digits_accuracy_is_the_stated_one(digits):
    extractor = DigitsFeatures()
    guesses = extractor(digits.test_images).logits.argmax(dim=1)
    accuracy = float((guesses == digits.test_labels).double().mean())
    assert accuracy == pytest.approx(extractor.facts["test_accuracy"], abs=1e-6)


def test_enlarged_digits_are_averaged_back(digits):
    large = DigitsFeatures(24, channels=3)
    pixels = digits.test_images[:50].repeat_interleave(3, 2).repeat_interleave(3, 3).expand(-1, 3, -1, -1)
    for found, known in zip(large(pixels), DigitsFeatures()(digits.test_images[:50]), strict=True):
        torch.testing.assert_close(found, known)
    assert large.fingerprint != DigitsFeatures().fingerprint
    with pytest.raises(ConfigError, match=r"takes? images of shape \(N, 3, 24, 24\)"):
        large(digits.test_images)
    with pytest.raises(ConfigError, match="image_size=20: must be a multiple of 8"):
        DigitsFeatures(20)


@pytest.mark.slow
def test_mnist_accuracy_is_the_stated_one(mnist):
    extractor = MNISTFeatures()
    accuracy = trainer.accuracy(extractor.classifier, mnist.test_images, mnist.test_labels)
    assert len(mnist.test_labels) == 10_000
    assert accuracy == pytest.approx(extractor.facts["test_accuracy"], abs=2e-4)


def test_no_feature_is_dead_or_outgrows_the_others(digits):
    features = DigitsFeatures()(digits.train_images).features
    deviations = features.std(dim=0)
    assert 2.0 < deviations.min() < deviations.max() < 5.0
    assert (features == 0).double().mean() < 0.01
    noise = torch.randint(0, 256, (500, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert DigitsFeatures()(noise).features.abs().max() < 30


def test_frechet_distances_are_in_the_order_of_visible_quality(digits):
    extractor = DigitsFeatures()
    images = torch.cat([digits.train_images, digits.test_images])
    labels = torch.cat([digits.train_labels, digits.test_labels])
    real = extractor(images).features
    generator = torch.Generator().manual_seed(0)
    again = real[torch.randint(0, len(real), (len(real),), generator=generator)]
    grainy = images + 10 * torch.randn(images.shape, generator=generator)  # noise of 10 levels
    grainy_features = extractor(grainy.clamp(0, 255).to(torch.uint8)).features
    missing = [frechet(real, real[labels != label]) for label in range(10)]
    noise = torch.randint(0, 256, images.shape, generator=generator, dtype=torch.uint8)
    gray = (128 + 4 * torch.randn(images.shape, generator=generator)).to(torch.uint8)  # an untrained generator's
    resampled, degraded = frechet(real, again), frechet(real, grainy_features)
    assert resampled < degraded < min(missing)
    assert resampled < 3
    assert 15 < min(missing) < max(missing) < 60
    assert 200 < frechet(real, extractor(noise).features) < 900
    assert frechet(real, extractor(gray).features) > 1000


def test_trainer_gives_the_same_file_twice(digits, tmp_path):
    threads = torch.get_num_threads()
    random_state = torch.get_rng_state()
    arguments = ["--data", "digits", "--epochs", "1", "--output"]
    try:
        for name in ("first", "second"):
            trainer.main([*arguments, str(tmp_path / name)])
            torch.rand(3)  # the global generator is no part of it
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(random_state)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    other = ClassifierFeatures(tmp_path / "first")
    assert other.facts["epochs"] == 1
    assert other.fingerprint != DigitsFeatures().fingerprint
    assert other.facts["test_accuracy"] > 0.5


def test_another_seed_gives_another_classifier(digits):
    images, labels = digits.train_images[:256], digits.train_labels[:256]
    first, second = (trainer.train_classifier(images, labels, seed=seed, epochs=1) for seed in (0, 1))
    assert not torch.equal(first.project.weight, second.project.weight)


def test_training_leaves_the_global_generator_alone(digits):
    before = torch.get_rng_state()
    trainer.train_classifier(digits.train_images[:64], digits.train_labels[:64], epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_users_classifier_of_color_images(tmp_path):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(128) % 2
    images = torch.randint(0, 100, (128, 3, 12, 20), generator=generator, dtype=torch.uint8)
    images[labels == 1, 0] += 100  # class 1 is redder
    losses = []
    classifier = trainer.train_classifier(
        images, labels, epochs=5, batch_size=32, on_epoch=lambda epoch, loss: losses.append(loss)
    )
    save_classifier(classifier, tmp_path / "my-features.safetensors", {"data": "red or not"})
    extractor = ClassifierFeatures(tmp_path / "my-features.safetensors")
    assert extractor.name == "my-features"
    assert extractor.metric_suffix == "_my-features"
    assert extractor.num_classes == 2
    assert len(losses) == 5
    assert (extractor(images).logits.argmax(dim=1) == labels).all()
    assert torch.equal(extractor(images).features, classifier(from_uint8(images)).features)


def test_split_is_stratified_disjoint_and_seeded(digits):
    labels = torch.cat([digits.train_labels, digits.test_labels])
    train, test = trainer.stratified_split(labels, test_part=0.2, seed=5)
    assert torch.equal(torch.cat([train, test]).sort().values, torch.arange(1797))
    counts = labels.bincount()
    assert ((labels[test].bincount() - counts * 0.2).abs() <= 0.5).all()
    assert torch.equal(trainer.stratified_split(labels, test_part=0.2, seed=5)[1], test)
    assert not torch.equal(trainer.stratified_split(labels, test_part=0.2, seed=6)[1], test)


def test_missing_foreign_truncated_and_newer_files_are_named(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    with pytest.raises(ConfigError, match="no such file"):
        ClassifierFeatures(tmp_path / "absent.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ConfigError, match="no classifier of this package"):
        ClassifierFeatures(tmp_path / "foreign.safetensors")
    content = (WEIGHTS / "digits.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-100])
    with pytest.raises(ConfigError, match="not a readable safetensors file"):
        ClassifierFeatures(tmp_path / "cut.safetensors")
    monkeypatch.setattr("lightning_gans.evaluation.features.classifier.VERSION", 2)
    with pytest.raises(ConfigError, match="format version 1, this release reads 2"):
        load_classifier(WEIGHTS / "digits.safetensors")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(8, 1, 8, 8), torch.zeros(8, dtype=torch.int64), "uint8 images"),
        (torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.zeros(7, dtype=torch.int64), "one int64 label"),
        (torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.full((8,), -1), "one int64 label"),
        (torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.arange(8), "batch_size=64: choose 2 to 8"),
        (torch.zeros(64, 1, 8, 8, dtype=torch.uint8), torch.zeros(64, dtype=torch.int64), "num_classes=1"),
        (torch.zeros(64, 1, 3, 8, dtype=torch.uint8), torch.arange(64), r"image_shape=\(1, 3, 8\)"),
    ],
)
def test_unusable_training_data_is_named(images, labels, message):
    with pytest.raises(ConfigError, match=message):
        trainer.train_classifier(images, labels)


@pytest.mark.parametrize("root", [[], ["--root", "/nonexistent"]])
def test_command_without_data_says_so_in_one_line(root, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        trainer.main(["--data", "mnist", "--output", str(tmp_path / "x"), *root])
    assert stop.value.code == 2
    assert "MNIST/raw" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 33, 64)])
def test_classifier_fits_any_size(shape):
    features, logits = Classifier(shape, num_classes=7, num_features=5).eval()(torch.zeros(2, *shape))
    assert features.shape == (2, 5)
    assert logits.shape == (2, 7)
