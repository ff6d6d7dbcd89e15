"""The sweep in ``examples/`` as W&B's agent would run it."""

from pathlib import Path

import torch
import yaml

from tests.cli.conftest import QUIET, TINY

SWEEP = Path(__file__).parents[2] / "examples/sweep.yaml"


def test_a_point_of_the_sweep_trains(command, tmp_path):
    sweep = yaml.safe_load(SWEEP.read_text())
    point = {name: spec.get("min", spec.get("values", [None])[-1]) for name, spec in sweep["parameters"].items()}
    given = [f"--{name}={value}" for name, value in point.items()]  # what the agent makes of ${args}
    program, *words = [part for word in sweep["command"] for part in (given if word == "${args}" else [word])]
    assert program == "lightning_gans"
    done = command(*words, *TINY[2:], *QUIET, "--trainer.max_steps", 2)
    assert (done.code, done.err) == (0, ""), done.err
    (last,) = tmp_path.glob("runs/wgan/*/checkpoints/last.ckpt")
    content = torch.load(last, weights_only=True)
    settings = content["config"]["model"]["init_args"]
    assert settings["clip_value"] == 0.1
    assert settings["optimization"]["generator"]["init_args"]["lr"] == 1e-4
    assert [one["param_groups"][0]["lr"] for one in content["optimizer_states"]] == [1e-4, 1e-4]
    assert content["config"]["seed_everything"] == 2
    measured = {name for state in content["callbacks"].values() for name in state.get("last", {})}
    assert sweep["metric"]["name"] in measured
