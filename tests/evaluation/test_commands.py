"""``evaluate`` and ``train-features`` as a user types them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics import Metric

from lightning_gans import WGAN, Game
from lightning_gans.cli import main
from lightning_gans.cli.commands import EvaluationOptions
from lightning_gans.data import Digits, Ring2D, UnpairedDigits
from lightning_gans.evaluation.evaluator import SUBSET_SIZE, Evaluator, Report
from lightning_gans.evaluation.features import ClassifierFeatures, DigitsFeatures
from lightning_gans.evaluation.metrics.functional import mode_coverage
from lightning_gans.evaluation.sources import ArraySource, DatasetSource

CONFIG = str(Path(__file__).parents[2] / "configs" / "wgan.yaml")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def images(n=120, noise=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    real = Digits().reference_dataset.images[:n].float()
    return (real + noise * torch.randn(real.shape, generator=generator)).clamp(0, 255).to(torch.uint8)


def folder(path, pixels, labels=None):
    for index, image in enumerate(pixels):
        place = path if labels is None else path / str(int(labels[index]))
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(place / f"{index:04d}.png")
    return str(path)


def refused(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert len(captured.err.strip().splitlines()) == 1
    return captured.err


def test_folders_arrays_and_names_report_the_same(tmp_path, capsys):
    np.save("fake.npy", images()[:, 0].numpy())
    fake = folder(tmp_path / "fake", images())
    real = folder(tmp_path / "real", Digits().reference_dataset.images[:200])
    main(["evaluate", "--real", real, "--fake", fake, "--features", "digits", "--output", "a.json"])
    assert "fid_digits" in capsys.readouterr().out
    main(["evaluate", "--real", real, "--fake", "fake.npy", "--features", "digits", "--output", "b.json"])
    first, second = Report.from_file("a.json"), Report.from_file("b.json")
    assert first.values == second.values
    assert first.provenance["fake"]["kind"] == "folder"
    assert first.provenance["features_sha256"] == DigitsFeatures().fingerprint
    assert json.loads((tmp_path / "a.json").read_text())["real_vs_real"].keys() == first.values.keys()


def test_a_named_data_set_brings_its_features_and_real_images():
    np.save("fake.npy", images()[:, 0].numpy())
    main(["evaluate", "--real", "Digits", "--fake", "fake.npy", "--output", "report.json"])
    expected = Evaluator(DigitsFeatures(), cache=None).evaluate(
        ArraySource("fake.npy"), DatasetSource(Digits().reference_dataset)
    )
    assert Report.from_file("report.json").values == pytest.approx(expected.values, rel=1e-6)


def test_the_command_knows_the_evaluators_subset_size():
    assert EvaluationOptions("Digits", "fake.npy").subset_size == SUBSET_SIZE


def test_a_checkpoint_is_sampled(capsys):
    small = ["--model.generator.init_args.base_channels", "4", "--model.discriminator.init_args.base_channels", "4"]
    quick = ["--trainer.max_steps", "3", "--trainer.logger", "false", "--trainer.default_root_dir", "run"]
    main(["fit", "--config", CONFIG, *small, *quick, "--metrics.num_samples", "50"])
    command = ["evaluate", "--real", "Digits", "--checkpoint", "run/checkpoints/last.ckpt", "--num_samples", "60"]
    main([*command, "--intervals", "3", "--output", "report.json"])
    report = Report.from_file("report.json")
    assert report.provenance["fake"] == {"kind": "WGAN", "count": 60, "seed": 0, "weights": "ema"}
    assert all(low <= report.values[name] <= high for name, (low, high) in report.intervals.items())
    main([*command, "--baseline", "report.json"])
    assert "baseline" in capsys.readouterr().out
    error = refused(capsys, *command[:-1], "70", "--baseline", "report.json")
    assert "it was measured otherwise: fake: 60 against 70" in error
    loaded = WGAN.load_from_checkpoint("run/checkpoints/last.ckpt")
    assert loaded.step == 3


def test_a_data_set_brings_its_own_metrics():
    quick = ["--trainer.max_steps", "1", "--trainer.logger", "false", "--trainer.default_root_dir", "run"]
    main(["fit", "--config", "gan", "--config", "data/ring", *quick, "--metrics.num_samples", "50"])
    command = ["evaluate", "--real", "Ring2D", "--checkpoint", "run/checkpoints/last.ckpt", "--num_samples", "60"]
    main([*command, "--output", "report.json"])
    values = Report.from_file("report.json").values
    assert values.keys() > {"modes", "high_quality", "reverse_kl", "jsd", "fid_points"}
    model = Game.load_from_checkpoint("run/checkpoints/last.ckpt")
    expected = mode_coverage(model.sample(60), Ring2D().means, Ring2D().std)
    assert (values["modes"], values["high_quality"]) == (float(expected.modes), float(expected.high_quality))


def test_train_features_makes_a_file_that_evaluate_takes(tmp_path, capsys):
    reference = Digits().reference_dataset
    data = folder(tmp_path / "mine", reference.images[:300], reference.labels[:300])
    main(["train-features", "--data", data, "--output", "mine.safetensors", "--epochs", "3"])
    assert "test accuracy" in capsys.readouterr().out
    features = ClassifierFeatures("mine.safetensors")
    assert (features.name, features.num_classes, features.image_shape) == ("mine", 10, (1, 8, 8))
    fake = folder(tmp_path / "fake", images())
    main(["evaluate", "--real", data, "--fake", fake, "--features", "mine.safetensors"])
    assert "fid_mine" in capsys.readouterr().out


def test_train_features_of_unpaired_data_takes_the_training_images():
    main(["train-features", "--data", "UnpairedDigits", "--output", "own.safetensors", "--epochs", "1"])
    features, test = ClassifierFeatures("own.safetensors"), UnpairedDigits().test_dataset
    assert features.facts["data"].startswith("UnpairedDigits, 748 images")
    assert (features(test.images.images).logits.argmax(1) == test.images.labels).double().mean() > 0.2  # chance is 0.1


@pytest.mark.slow
def test_intervals_shrink_with_the_number_of_samples():
    real = DatasetSource(Digits().reference_dataset)
    widths = []
    for n in (60, 960):
        np.save("fake.npy", images(n)[:, 0].numpy())
        report = Evaluator(DigitsFeatures(), cache=None, num_half_samples=8).evaluate(ArraySource("fake.npy"), real)
        low, high = report.intervals["precision_digits"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2  # a quarter is expected


class MeanLevel(Metric):
    """A metric of somebody else's: takes images and whether they are real."""

    def __init__(self):
        super().__init__()
        for name in ("real_sum", "fake_sum", "real_count", "fake_count"):
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, images, real):
        name = "real" if real else "fake"
        setattr(self, f"{name}_sum", getattr(self, f"{name}_sum") + images.float().sum())
        setattr(self, f"{name}_count", getattr(self, f"{name}_count") + images.numel())

    def compute(self):
        return self.fake_sum / self.fake_count - self.real_sum / self.real_count


def test_any_other_metric_can_be_added():
    np.save("fake.npy", images(100, noise=0)[:, 0].numpy())
    real = DatasetSource(Digits().reference_dataset)
    evaluator = Evaluator(DigitsFeatures(), 64, cache=None, extra_metrics={"brightness": MeanLevel()})
    expected = images(100, noise=0).float().mean() - Digits().reference_dataset.images.float().mean()
    for _ in range(2):  # a second evaluation starts anew
        report = evaluator.evaluate(ArraySource("fake.npy"), real)
        assert report.values["brightness"] == pytest.approx(float(expected), rel=1e-4)


def test_mistakes_are_one_line(tmp_path, capsys):
    np.save("fake.npy", images()[:, 0].numpy())
    folder(tmp_path / "flat", images(4))
    folder(tmp_path / "large", torch.zeros(2, 1, 9, 9, dtype=torch.uint8))
    labeled = folder(tmp_path / "labeled", images(56), torch.arange(56) % 2)
    for name in ("evil.ckpt", "evil.safetensors"):
        (tmp_path / name).write_bytes(b"nonsense")
    digits = ["--real", "Digits", "--fake", "fake.npy"]
    for args, expected in (
        (["--fake", "fake.npy"], "--real=None"),
        (["--real", "Digits"], "--fake=None: give either --fake or --checkpoint"),
        (["--real", "Digitz", "--fake", "fake.npy"], "did you mean Digits?"),
        (["--real", "Digits", "--fake", "fake.npy", "--features", "incepton"], "--features='incepton'"),
        (
            ["--real", "Digits", "--fake", "fake.npy", "--features", "mnist"],
            "--real='Digits': its images are uint8 (1, 1",
        ),
        (["--real", "Digits", "--fake", "large"], "--fake='large': its images are uint8 (1, 1, 9, 9), and features"),
        (["--real", "Digits", "--fake", "none.npy"], "--fake='none.npy': cannot be read"),
        (["--real", "Digits", "--checkpoint", "none.ckpt"], "no such file"),
        (["--real", "Digits", "--fake", "fake.npy", "--features", "inception"], "choose --download (95 MB)"),
        ([*digits, "--features", "inception", "--weights", "evil.ckpt"], "--weights='evil.ckpt': not torch-fidelity's"),
        ([*digits, "--features", "evil.safetensors"], "--features='evil.safetensors': not a readable"),
        (["--real", "Digits", "--fake", "fake.npy", "--baseline", "none.json"], "cannot be read as a report"),
        (["--real", "Digits", "--fake", "fake.npy", "--intervals", "1"], "--intervals=1"),
        ([*digits, "--intervals", "-1"], "--intervals=-1: must be 0 or more"),
        ([*digits, "--subset_size", "19"], "--subset_size=19: must be 20 or more"),
    ):
        assert expected in refused(capsys, "evaluate", *args)
    assert "needs --data and --output" in refused(capsys, "train-features", "--data", "Digits")
    error = refused(capsys, "train-features", "--data", str(tmp_path / "flat"), "--output", "x.safetensors")
    assert "one folder of images for each" in error
    error = refused(capsys, "train-features", "--data", labeled, "--output", "x.safetensors")
    assert "--batch_size=64: choose 2 to 44, the number of images to train on" in error
