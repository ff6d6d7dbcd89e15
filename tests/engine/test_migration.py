"""Checkpoints that version 0.1 wrote: tiny networks, six steps; beside each what 0.1 made of it.

``NAME.pt`` holds six samples of seed 3 (averaged and raw weights), and the weights after three more steps of
``lightning_gans fit --ckpt_path NAME.ckpt --trainer.max_steps 9``, all by version 0.1.
"""

import re
import sys
from pathlib import Path

import pytest
import torch

from lightning_gans.cli import main
from lightning_gans.engine import Game
from lightning_gans.engine.migration import KEY, migrated
from lightning_gans.errors import ConfigError
from tests.cases import few

CHECKPOINTS = Path(__file__).parent / "checkpoints_0_1"
NAMES = sorted(path.stem for path in CHECKPOINTS.glob("*.ckpt"))
# R1 and R2 are gradients of the logits at hand; DCGAN's networks are in channels_last: both in another order of sums.
# Processors differ in it too, which InfoGAN's several losses show.
ROUNDING = {"bigan": 1e-6, "r3gan": 1e-6, "wgan_gp": 1e-6, "cgan": 1e-6, "infogan": 1e-6}
QUIET = ("--trainer.logger", "false", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pictures(name):
    model, then = Game.load_from_checkpoint(CHECKPOINTS / f"{name}.ckpt"), torch.load(CHECKPOINTS / f"{name}.pt")
    for ema, pictures in ((True, then["samples"]), (False, then["raw"])):
        made = model.sample(6, seed=3, ema=ema)
        torch.testing.assert_close(made, pictures, rtol=0, atol=ROUNDING.get(name, 0))


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # to that of the run that goes on
@pytest.mark.parametrize(
    "name",
    few(["aae", "cgan", "r3gan", "bigan", "infogan", "wgan_gp"], ["cgan", "r3gan"]),
)
def test_goes_on_in_fit(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["lightning_gans"])
    path, run = str(CHECKPOINTS / f"{name}.ckpt"), str(tmp_path)
    bar = ("--trainer.enable_progress_bar", "false")
    main(["fit", "--ckpt_path", path, "--trainer.max_steps", "9", "--trainer.default_root_dir", run, *QUIET, *bar])
    now = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    then = torch.load(CHECKPOINTS / f"{name}.pt")["state_dict"]
    assert now[KEY]["step"] == 9
    moves = then.pop("ema.moves")
    for key, weight in then.items():
        if name == "aae" and key.startswith("ema.averages.encoder"):
            continue  # the encoder has two owners, and is averaged after each of their updates now
        torch.testing.assert_close(now["state_dict"][key], weight, rtol=0, atol=ROUNDING.get(name, 0), msg=key)
    assert now["state_dict"]["ema.num_updates"].min() == moves
    assert now["state_dict"]["ema.num_updates"].max() == (moves + 3 if name == "aae" else moves)


def test_what_is_no_checkpoint_of_ours_is_refused():
    with pytest.raises(ConfigError, match="was not written by lightning_gans"):
        migrated({"state_dict": {}})
    with pytest.raises(ConfigError, match="an earlier version wrote it"):
        migrated({"game": {"round": 3}})


def test_states_of_callbacks_are_found_under_their_new_names():
    key = "MetricsCallback{'features': 'digits', 'num_samples': 10, 'num_real': 5}"
    last = {"metrics/mmd_digits": 1.0, "metrics/fid_digits": 2.0, "metrics/classes_digits": 3.0}
    state = {"last": last, "evaluated_at": 4}
    content = torch.load(CHECKPOINTS / "cgan.ckpt", weights_only=True)
    content["callbacks"] = {key: state, "GameCheckpoint{'monitor': 'metrics/mmd_digits'}": {"restored": 1}}
    found = migrated(content)["callbacks"]
    (metrics, checkpoint) = found
    assert re.search("'num_reference': 5", metrics)
    assert found[metrics]["last"] == {
        "metrics/kid_digits": 1.0,
        "metrics/fid_digits": 2.0,
        "metrics/num_classes_covered_digits": 3.0,
    }
    assert checkpoint == "StepCheckpoint{'monitor': 'metrics/kid_digits'}"
    assert found[checkpoint] == {"rollbacks": 1}
