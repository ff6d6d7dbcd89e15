"""The classifier of photographs that comes with the package."""

import hashlib
import os
import re
import runpy
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import CIFAR10Features, load_classifier, save_classifier
from lightning_gans.evaluation.features.classifier import PooledClassifier
from lightning_gans.evaluation.features.train import train_classifier
from lightning_gans.evaluation.metrics.functional import frechet_distance
from lightning_gans.images import from_uint8
from tests.data.files import save

SCRIPT = str(Path(__file__).parents[3] / "scripts/train_cifar10_features.py")


def noise(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_the_file_says_how_good_it_is_and_how_it_was_made():
    facts = CIFAR10Features().facts
    assert facts["test_accuracy"] > 0.8
    assert (facts["test_images"], facts["num_classes"], facts["seed"]) == (10_000, 10, 0)
    assert "JPEG" in facts["data"]


@pytest.mark.slow
@pytest.mark.skipif("LIGHTNING_GANS_DATA" not in os.environ, reason="LIGHTNING_GANS_DATA names no folder")
def test_the_accuracy_is_what_the_file_says():
    features, images, classes = CIFAR10Features(), [], []
    with tarfile.open(Path(os.environ["LIGHTNING_GANS_DATA"], "cifar10-jpeg.tar.xz")) as archive:
        for member in archive:
            if re.fullmatch(r"test/\w+/\d\d[05]0\.jpg", member.name):
                pixels = np.array(Image.open(archive.extractfile(member)))
                images.append(torch.from_numpy(pixels).permute(2, 0, 1))
                classes.append(member.name.split("/")[1])
    labels = torch.tensor([sorted(set(classes)).index(name) for name in classes])
    right = float((features(torch.stack(images)).logits.argmax(1) == labels).float().mean())
    assert len(images) == 200
    assert right == pytest.approx(features.facts["test_accuracy"], abs=0.08)  # three standard errors


def test_images_of_any_size_gray_or_rgb():
    features = CIFAR10Features()
    for shape in ((2, 3, 32, 32), (2, 3, 4, 4), (2, 3, 47, 90), (2, 1, 64, 64)):
        found = features(noise(*shape))
        assert (found.features.shape, found.logits.shape) == ((2, 64), (2, 10))
    gray = noise(2, 1, 32, 32)
    assert torch.equal(features(gray).features, features(gray.expand(-1, 3, -1, -1)).features)
    with pytest.raises(ConfigError, match="4 x 4 pixels or more"):
        features(noise(1, 3, 3, 8))
    with pytest.raises(ConfigError, match="gray or RGB"):
        features(noise(1, 2, 8, 8))


def test_no_layer_is_strided_and_features_are_means_over_pixels():
    classifier = CIFAR10Features().classifier
    assert {layer.stride for layer in classifier.modules() if isinstance(layer, torch.nn.Conv2d)} == {(1, 1)}
    images = from_uint8(noise(1, 3, 96, 96))
    pooled = classifier.convolutions[-2](classifier.convolutions[:-2](images))  # (1, D, 24, 24)
    torch.testing.assert_close(classifier.convolutions(images).flatten(1), pooled.mean((2, 3)))


def test_blur_moves_photographs_further_than_other_photographs_do():
    """Of images at the size of the classifier's own: smooth shapes in color."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(200, 3, 16, 16, generator=generator)
    sharp = (255 * coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)).byte()
    blurred = torch.nn.functional.interpolate(
        torch.nn.functional.avg_pool2d(sharp[100:].float(), 4), scale_factor=4, mode="bilinear"
    ).byte()
    features = CIFAR10Features()
    one, other, blur = (features(part).features for part in (sharp[:100], sharp[100:], blurred))
    assert frechet_distance(one, blur) > 3 * frechet_distance(one, other)


def test_a_pooled_classifier_survives_its_file(tmp_path):
    images, labels = noise(64, 3, 32, 32), torch.arange(64) % 2
    images[labels == 1] //= 2
    classifier = train_classifier(images, labels, epochs=2, batch_size=16, width=4, network=PooledClassifier)
    save_classifier(classifier, tmp_path / "a.safetensors", {"name": "a"})
    loaded, facts = load_classifier(tmp_path / "a.safetensors")
    assert (type(loaded), facts["network"]) == (PooledClassifier, "PooledClassifier")
    for one, other in zip(loaded(from_uint8(images)), classifier(from_uint8(images)), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_the_script_writes_the_same_file_again(tmp_path, monkeypatch):
    for part in ("train", "test"):
        for index in range(96):
            name = ("cat", "dog")[index % 2]
            save(tmp_path / part / name / f"{index}.png", (32, 32), seed=index)
    hashes = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.safetensors"
        options = ["--root", str(tmp_path), "--output", str(path), "--epochs", "1"]
        monkeypatch.setattr("sys.argv", [SCRIPT, *options])
        runpy.run_path(SCRIPT, run_name="__main__")
        hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]
    assert "96 training and 96 test images" in load_classifier(path)[1]["data"]
