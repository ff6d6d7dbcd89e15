"""The configs of regularizers, augmentations and optimization over one of a model, alone and together."""

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import QUIET

CONFIGS = Path(__file__).parents[2] / "configs"
FOLDERS = ("augment", "optimization", "regularizers")
OVERRIDES = [f"{folder}/{path.stem}" for folder in FOLDERS for path in sorted((CONFIGS / folder).glob("*.yaml"))]
SHORT = [*QUIET, "--trainer.max_steps", "2", "--metrics.num_samples", "64", "--samples.num_samples", "4"]


def settings_of(tmp_path):
    """Names of the regularizers, the augmentations and the choice of samples that the last checkpoint was made with."""
    (path,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    content = torch.load(path, weights_only=True)["hyper_parameters"]
    found = [*content["augment"], *content["regularizers"], *([content["top_k"]] if content["top_k"] else [])]
    return [each["class_path"].rpartition(".")[2] for each in found]


@pytest.mark.slow  # all of them together are tried by the next test
@pytest.mark.parametrize("name", OVERRIDES)
def test_override_config(command, tmp_path, name):
    done = command("fit", "--config", "gan", "--config", name, *SHORT)
    assert (done.code, done.err) == (0, "")
    assert len(settings_of(tmp_path)) == (name != "optimization/ttur")


def test_override_configs_add_up(command, tmp_path):
    words = [word for name in OVERRIDES for word in ("--config", name)]
    assert command("fit", "--config", "gan", *words, *SHORT).code == 0
    augments = ["AdaptiveAugment", "DiffAugment", "InstanceNoise"]
    assert settings_of(tmp_path) == [*augments, "LabelSmoothing", "NoisyLabels", "R1", "TopK"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["wgan", "regularizers/label_smoothing"],
            "regularizers='LabelSmoothing': needs an objective that is a cross-entropy",
        ),
        (["gan", "data/ring", "augment/diffaugment"], "augment='DiffAugment': changes images"),
        (["dcgan", "regularizers/r1"], "batch_norm: false"),
        (["veegan", "optimization/top_k"], "top_k='TopK'"),
        pytest.param(["vaegan", "optimization/top_k"], "top_k='TopK'", marks=pytest.mark.slow),
        pytest.param(["infogan", "optimization/top_k"], "InfoGAN is none", marks=pytest.mark.slow),
        (["acgan", "optimization/top_k"], "ACGAN is none"),
        pytest.param(["r3gan", "optimization/top_k"], "top_k='TopK'", marks=pytest.mark.slow),
        (["vae", "regularizers/r1"], "model.regularizers: VAE has no such setting"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(command, words, message):
    done = command("fit", *(word for name in words for word in ("--config", name)), *SHORT)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
