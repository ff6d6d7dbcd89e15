"""The overlays of tricks on a recipe, one by one and together, through the real command."""

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import QUIET

CONFIGS = Path(__file__).parents[2] / "configs"
OVERLAYS = sorted(path.stem for path in (CONFIGS / "tricks").glob("*.yaml"))
SHORT = [*QUIET, "--trainer.max_steps", "2", "--metrics.num_samples", "64", "--samples.num", "4"]


def tricks_of(tmp_path):
    (path,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    content = torch.load(path, weights_only=True)["hyper_parameters"]
    return [trick["class_path"].rpartition(".")[2] for trick in content["tricks"]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay(command, tmp_path, name):
    done = command("fit", "--config", "gan", "--config", f"tricks/{name}", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert len(tricks_of(tmp_path)) == (name != "ttur")


def test_overlays_add_up(command, tmp_path):
    overlays = [word for name in OVERLAYS for word in ("--config", f"tricks/{name}")]
    assert command("fit", "--config", "gan", *overlays, *SHORT).code == 0
    assert tricks_of(tmp_path) == ["DiffAugment", "InstanceNoise", "LabelSmoothing", "R1", "TopK"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wgan", "tricks/label_smoothing"], "tricks='LabelSmoothing': needs a loss that is a cross-entropy"),
        (["gan", "data/ring", "tricks/diffaugment"], "tricks='DiffAugment': changes images"),
        (["dcgan", "tricks/r1"], "batch_norm: false"),
        (["veegan", "tricks/top_k"], "VEEGAN is no mean"),
        (["vaegan", "tricks/top_k"], "VAEGAN is no mean"),
        (["infogan", "tricks/top_k"], "InfoGAN is no mean"),
        (["acgan", "tricks/top_k"], "ACGAN is no mean"),
        (["r3gan", "tricks/top_k"], "R3GAN is no mean"),
        (["vae", "tricks/r1"], "model.tricks: VAE has no such setting"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(command, words, message):
    done = command("fit", *(word for name in words for word in ("--config", name)), *SHORT)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
