"""Models without a discriminator, or with one that is shown no images, through the real commands."""

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from lightning_gans.cli.overrides import drop_inapplicable_arguments
from lightning_gans.errors import LightningGANsWarning
from tests.cli.conftest import QUIET

SHORT = [*QUIET, "--metrics.num_samples", "64", "--samples.num_samples", "16", "--data.batch_size", "32"]
LAST = "run/checkpoints/last.ckpt"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [pytest.param("vae", marks=pytest.mark.slow), "cvae"])  # which does all of vae's
def test_fit_resume_sample_evaluate(command, tmp_path, recipe):
    fitted = command("fit", "--config", recipe, *SHORT, "--trainer.max_steps", 2, "--trainer.default_root_dir", "run")
    assert (fitted.code, fitted.err) == (0, "")
    assert "reconstruction_accuracy_digits" in fitted.out
    assert ("class_accuracy_digits" in fitted.out) == (recipe == "cvae")
    with Image.open(tmp_path / "run/samples/reconstructions_000000002.png") as picture:
        assert picture.width > 8 * 32
    resumed = command("fit", "--ckpt_path", LAST, *QUIET, "--trainer.max_steps", 4)
    assert resumed.code == 0, resumed.err
    assert torch.load(tmp_path / LAST, weights_only=True)["lightning_gans"]["step"] == 4
    sampled = command(
        "sample", LAST, "--num_samples", 12, "--output", "out", *(["--labels", 3] if recipe == "cvae" else [])
    )
    assert (sampled.code, sampled.err) == (0, "")
    assert len(list((tmp_path / "out/images").glob("*.png"))) == 12
    evaluated = command(
        "evaluate", "--real", "Digits", "--checkpoint", LAST, "--num_samples", 64, "--output", "report.json"
    )
    assert evaluated.code == 0, evaluated.err
    assert "reconstruction_accuracy_digits" in json.loads((tmp_path / "report.json").read_text())["values"]


@pytest.mark.parametrize(
    ("recipe", "left_out"),
    [
        ("vae", "VAE has no discriminator, optimization.discriminator, optimization.generator"),
        pytest.param("aae", "AAE has no optimization.generator", marks=pytest.mark.slow),
        pytest.param("vaegan", None, marks=pytest.mark.slow),  # in tests/models/test_family.py, but for its latents
    ],
)
def test_points(command, tmp_path, recipe, left_out):
    """The override config speaks of a GAN's parts: those that there are not are left out, and it is said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LightningGANsWarning)
        run = ["--trainer.max_steps", 2, "--model.latent_dim", 2, "--trainer.default_root_dir", "run"]
        fitted = command("fit", "--config", recipe, "--config", "data/ring", *SHORT, *run)
    assert (fitted.code, fitted.err) == (0, "")
    said = [str(each.message) for each in caught if issubclass(each.category, LightningGANsWarning)]
    assert [line.partition(":")[0] for line in said] == ([] if left_out is None else [left_out])
    settings = torch.load(tmp_path / LAST, weights_only=True)["hyper_parameters"]
    assert settings["generator"]["class_path"].endswith("MLPGenerator")
    assert settings["encoder"]["init_args"]["image_shape"] == [2]
    if recipe != "vae":
        assert settings["discriminator"]["init_args"]["image_shape"] == [2]  # of the points, or of the latents
    assert command("sample", LAST, "--num_samples", 20, "--output", "out").code == 0
    assert np.load(tmp_path / "out/points.npy").shape == (20, 2)


def test_what_is_no_part_of_a_gan_is_refused(command, tmp_path):
    (tmp_path / "own.yaml").write_text("model: {init_args: {generater: {init_args: {base_channels: 3}}}}\n")
    done = command("fit", "--config", "vae", "--config", "own.yaml", *SHORT)
    assert done.code == 2
    assert "generater" in done.err
    assert len(done.err.splitlines()) == 1


def test_arguments_that_fit_stay_as_they_are(tmp_path):
    (tmp_path / "own.yaml").write_text("model: {init_args: {optimization: {generator: {init_args: {lr: 1.0e-3}}}}}\n")
    args = ["fit", "--model", "GAN", "--config", str(tmp_path / "own.yaml"), "--trainer.logger=false"]
    assert drop_inapplicable_arguments(args) == args
    with pytest.warns(LightningGANsWarning, match="VAE has no optimization.generator"):
        words = drop_inapplicable_arguments(["fit", "--model=VAE", "--config", str(tmp_path / "own.yaml")])
    assert words == ["fit", "--model", "VAE", "--config", "model:\n  init_args:\n    optimization: {}\n"]
