"""Copies of training images are told from new ones, in figures and in the picture of ``evaluate --nearest``."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import mannwhitneyu

from lightning_gans.cli import main
from lightning_gans.data import Digits, ImageDataset, UnpairedDigits
from lightning_gans.evaluation.copying import TrainingImages, nearest_training
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.metrics.functional import copying_test, nearest_samples
from lightning_gans.evaluation.sources import DatasetSource


class Pixels(FeatureExtractor):
    """Images as they are."""

    preprocessing = "pixels"

    def extract(self, images):
        return FeatureBatch(images.flatten(1).float())


def source(images):
    return DatasetSource(ImageDataset(images, None))


def noise(n, side=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8, generator=generator)


def test_the_p_value_is_that_of_mann_and_whitney():
    generator = torch.Generator().manual_seed(0)
    fake, held_out = (torch.randint(high, (size,), generator=generator) for high, size in ((20, 50), (22, 70)))  # ties
    theirs = mannwhitneyu(fake, held_out, alternative="less", method="asymptotic", use_continuity=False)
    assert float(copying_test(fake, held_out).p_value) == pytest.approx(theirs.pvalue, rel=1e-10)
    assert float(copying_test(torch.ones(30), torch.ones(20)).p_value) == 0.5


def test_some_copies_among_bad_samples_are_seen():
    """A median does not see them, nor does the test, whose ranks are those of all samples; their share does."""
    generator = torch.Generator().manual_seed(0)
    held_out = 1 + torch.rand(200, generator=generator)
    mixed = torch.cat([torch.zeros(40), 2 + torch.rand(60, generator=generator)])
    near_copies, p_value = copying_test(mixed, held_out)
    assert float(near_copies) == pytest.approx(0.4)
    assert float(p_value) > 0.5
    assert abs(float(copying_test(1 + torch.rand(2000, generator=generator), held_out).near_copies) - 0.1) < 0.04


def test_neighbors_are_those_of_all_distances():
    generator = torch.Generator().manual_seed(0)
    train, fake = torch.randn(300, 6, generator=generator), torch.randn(40, 6, generator=generator)
    distances, index = nearest_samples(train, fake, 4)
    expected = torch.cdist(fake.double(), train.double()).topk(4, largest=False)
    assert torch.equal(index, expected.indices)
    assert torch.allclose(distances, expected.values)


def test_training_images_are_what_a_training_shows():
    images = noise(6)
    shown = TrainingImages(source(images), (3, 3), mirrored=True)
    middle = images[:, :, 1:4, 1:4]
    everything = torch.cat([middle, middle.flip(3)])
    assert len(shown) == 12
    for first, last in ((0, 12), (4, 8), (0, 6), (6, 12), (9, 10)):
        assert torch.equal(shown.images(first, last), everything[first:last])
    plain = TrainingImages(source(images))
    assert torch.equal(plain.images(0, len(plain)), images)
    assert plain.provenance() == source(images).provenance() != shown.provenance()


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_mirror_image_is_a_copy_where_a_training_shows_them(mirrored):
    train, held_out = noise(40), noise(30, seed=1)
    fake = source(train[:20].flip(3))
    shown = TrainingImages(source(train), mirrored=mirrored)
    found = nearest_training(Evaluator(Pixels("pixels"), cache=None), fake, shown, source(held_out))
    assert bool((found.distances[:, 0] == 0).all()) == mirrored
    if mirrored:
        assert found.index[:, 0].tolist() == list(range(40, 60))


def test_the_command_shows_and_measures_copies(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    digits = Digits().reference_dataset.images
    parts = digits[torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))].split(300)
    np.save("train.npy", parts[0][:, 0].numpy())
    np.save("held_out.npy", parts[1][:, 0].numpy())
    np.save("new.npy", parts[2][:, 0].numpy())
    np.save("copies.npy", (parts[0][:100].int() + 3).clamp(max=255).byte()[:, 0].numpy())
    command = ["evaluate", "--real", "train.npy", "--held_out", "held_out.npy", "--features", "digits"]
    reports = {}
    for name in ("new", "copies"):
        picture = f"{name}.png"
        main([*command, "--fake", f"{name}.npy", "--nearest", picture, "--output", f"{name}.json"])
        reports[name] = json.loads((tmp_path / f"{name}.json").read_text())
        assert f"wrote {picture}" in capsys.readouterr().out
        with Image.open(tmp_path / picture) as opened:
            assert opened.size == (2 * (34 + 2 + 8 + 3 * 34 + 2) + 32, 10 * 34 + 2 + 20)
    new, copies = (reports[name]["values"] for name in ("new", "copies"))
    assert copies["near_copies_digits"] == 1
    assert copies["p_value_copying_digits"] < 1e-20
    assert new["p_value_copying_digits"] > 0.01
    floor = reports["new"]["real_vs_real"]
    assert new["nearest_distance_digits"] == pytest.approx(floor["nearest_distance_digits"], rel=0.1)
    assert floor["near_copies_digits"] == 0.1
    assert reports["new"]["provenance"]["nearest"]["held_out"]["count"] == 300
    main([*command[:3], *command[5:], "--fake", "new.npy", "--baseline", "new.json"])  # its other figures compare


def test_a_data_set_brings_what_it_holds_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(UnpairedDigits, "flip", True)
    data = UnpairedDigits()
    for name, shape, has in (("UnpairedDigits", (60, 32, 32, 3), True), ("Digits", (60, 8, 8), False)):
        np.save("fake.npy", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
        main(["evaluate", "--real", name, "--fake", "fake.npy", "--nearest", "n.png", "--output", "r.json"])
        report = json.loads((tmp_path / "r.json").read_text())
        assert any(each.startswith("p_value_copying") for each in report["values"]) == has
        assert any(each.startswith("nearest_distance") for each in report["values"])
        compared = report["provenance"]["nearest"]
        if has:
            assert (compared["train"]["count"], compared["train"]["mirrored"]) == (len(data.train_dataset.images), True)
            assert compared["held_out"]["count"] == len(data.test_dataset.images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--held_out", "Digits"], "--held_out='Digits': held out of what"),
        (["--nearest", "picture.jpg"], "--nearest='picture.jpg': is a picture: name a .png file"),
        (
            ["--nearest", "n.png", "--real", "Ring2D"],
            "--nearest='n.png': is a picture of images, and Ring2D are points",
        ),
        (["--nearest", "folder.png"], "--nearest='folder.png': is a folder; name a file"),
    ],
)
def test_mistakes_are_one_line(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    np.save("fake.npy", noise(30, 8)[:, 0].numpy())
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--real", "Digits", "--fake", "fake.npy", *options])
    error = capsys.readouterr().err.strip()
    assert stop.value.code == 2
    assert message in error
    assert len(error.splitlines()) == 1
