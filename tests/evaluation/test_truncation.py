"""Figures over psi and over the prior's bound: closed forms of linear generators, and the command."""

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from lightning_gans import GAN, ConfigError, StyleGAN2
from lightning_gans.cli import main
from lightning_gans.cli.commands import EvaluationOptions
from lightning_gans.engine.priors import Normal, Uniform
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.sources import GeneratedSource
from lightning_gans.evaluation.truncation import truncation_curve
from lightning_gans.networks import StyleDiscriminator, StyleGenerator

SHAPE, N = (1, 8, 8), 400


class Pixels(FeatureExtractor):
    preprocessing = "none"

    def __init__(self):
        super().__init__("pixels")

    def extract(self, images):
        return FeatureBatch(images[:, :, :2].flatten(1).float())


class Linear(nn.Module):
    latent_dim, image_shape = 2, SHAPE

    def forward(self, z):
        return z.repeat(1, 32).unflatten(1, SHAPE) / 5


def linear(prior=None):
    return GAN(Linear(), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), prior=prior)


def styled():
    torch.manual_seed(0)
    return StyleGAN2(StyleGenerator(SHAPE, 4, style_dim=4, max_channels=4), StyleDiscriminator(SHAPE, max_channels=4))


def curve(model, kind, values=None, real=None):
    source = GeneratedSource(model if real is None else real, N, seed=1)
    return truncation_curve(Evaluator(Pixels(), cache=None), model, source, kind, values, num_samples=N)


def test_the_spread_is_that_of_truncated_normals():
    found = curve(linear(), "bound", [0.5, 1.0, None])
    for bound, value in zip((0.5, 1.0), found.figure("variance_ratio"), strict=False):
        density, mass = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi), math.erf(bound / math.sqrt(2))
        assert value == pytest.approx(1 - 2 * bound * density / mass, rel=0.12)
    assert found.figure("recall")[0] < found.figure("recall")[1] < found.figure("recall")[2]
    assert found.figure("precision")[0] > 0.9
    assert found.figure("fid")[0] > found.figure("fid")[1] > found.figure("fid")[2]
    assert found.floor("fid") < 1000


def test_no_bound_is_the_plain_samples_and_so_is_one_beyond_the_prior():
    model = linear(Uniform())
    found = curve(model, "bound", [1.0, None])
    plain = Evaluator(Pixels(), cache=None).evaluate(GeneratedSource(model, N), GeneratedSource(model, N, seed=1))
    assert found.reports[0].values == found.reports[1].values == plain.values


def test_psi_draws_styles_together():
    model = styled()
    found = curve(model, "psi", [0.3, 0.6, 1.0])
    spread = found.figure("variance_ratio")
    assert spread[0] < spread[1] < spread[2]
    assert [report.provenance["fake"]["psi"] for report in found.reports] == [0.3, 0.6, 1.0]
    plain = Evaluator(Pixels(), cache=None).evaluate(GeneratedSource(model, N), GeneratedSource(model, N, seed=1))
    assert found.reports[2].values == plain.values


class Modes(nn.Module):
    """Styles around one mode, or around two far apart, to the sides of their mean; an image shows its style."""

    latent_dim, image_shape, num_styles, num_noise, noise_sides = 2, SHAPE, 1, 1, (1,)

    def __init__(self, distance):
        super().__init__()
        self.distance = distance
        self.register_buffer("mean_style", torch.zeros(2))

    def mapping(self, latents, labels=None):
        return latents / 10 + self.distance * torch.tensor([1.0, 0.0]) * latents[:, :1].sign()

    def truncate(self, styles, psi=1.0, cutoff=None):
        return self.mean_style.lerp(styles[:, None], psi)

    def synthesis(self, styles, noise=None):
        return styles[:, 0].repeat(1, 32).unflatten(1, SHAPE)

    def forward(self, latents, psi=1.0):
        return self.synthesis(self.truncate(self.mapping(latents), psi))


@pytest.mark.parametrize("distance", [0.0, 0.6])
def test_precision_rises_on_one_mode_and_falls_where_the_mean_lies_between_two(distance):
    gan = GAN(Modes(distance), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)))
    found = curve(gan, "psi", [0.5, 1.0])
    precision, recall = found.figure("precision"), found.figure("recall")
    assert recall[0] < recall[1] - 0.2
    assert (precision[0] > 0.97 >= precision[1]) if distance == 0 else (precision[0] < 0.1 < 0.8 < precision[1])


def test_what_cannot_be_truncated_is_refused():
    with pytest.raises(ConfigError, match="GAN has no styles; take bound"):
        curve(linear(), "psi")
    with pytest.raises(ConfigError, match="choose one of psi, bound"):
        curve(linear(), "phi")
    with pytest.raises(ConfigError, match="must be positive"):
        curve(linear(Normal()), "bound", [1.0, 0.0])


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, loaded_once):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    quick = ["--trainer.max_steps", "1", "--trainer.logger", "false", "--trainer.default_root_dir", "run"]
    small = [f"--model.{role}.base_channels=4" for role in ("generator", "discriminator")]
    off = ["--metrics.every_n_steps", "0", "--samples.every_n_steps", "0", "--trainer.enable_progress_bar", "false"]
    main(["fit", "--config", "dcgan", *small, *quick, *off])
    return "run/checkpoints/last.ckpt"


def test_the_command_prints_writes_and_draws(checkpoint, capsys):
    command = ["evaluate", "--real", "Digits", "--checkpoint", checkpoint, "--num_samples", "40"]
    curved = ["--truncation_curve", "bound", "--truncation_values", "[0.5,null]", "--output", "curve.json"]
    main([*command, *curved])
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["0.5", "all", "floor"]
    assert "curve.json and curve.png" in out
    found = json.loads(Path("curve.json").read_text())
    assert found["values"] == [0.5, None]
    assert {"fid_digits", "recall_digits", "variance_ratio_digits"} <= found["reports"][1]["values"].keys()
    with Image.open("curve.png") as picture:
        assert picture.size == (1000, 460)
        assert len(picture.getcolors(10**6)) > 20
    main([*command, "--path_length", "3"])
    out = capsys.readouterr().out
    assert "ppl_z_digits" in out
    assert "ppl_w" not in out
    with pytest.raises(SystemExit) as stop:
        main([*command, "--truncation_curve", "psi"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "--truncation_curve='psi': the generator of DCGAN has no styles" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"truncation_curve": "phi"}, "choose psi or bound"),
        ({"truncation_values": [1.0]}, "of what?"),
        ({"truncation_curve": "bound", "truncation_values": []}, "name at least one value"),
        ({"truncation_curve": "bound", "truncation_values": [1.0, -1.0]}, "a bound must be positive"),
        ({"truncation_curve": "psi", "truncation_values": [None]}, "1 is no truncation"),
        ({"truncation_curve": "psi", "baseline": "report.json"}, "has no --baseline"),
        ({"path_length": -1}, "must be 0 or more"),
        ({"path_length": 9, "truncation_curve": "psi"}, "and of no curve"),
        ({"path_length": 9, "checkpoint": None, "fake": "images"}, "is of a --checkpoint"),
        ({"truncation_curve": "psi", "checkpoint": None, "fake": "images"}, "is of a --checkpoint"),
    ],
)
def test_impossible_options_are_refused(settings, line):
    with pytest.raises(ConfigError, match=line):
        EvaluationOptions(**{"real": "Digits", "checkpoint": "last.ckpt"} | settings)
