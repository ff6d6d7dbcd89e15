"""Going on with a checkpoint: what is given wins over what it was trained with, really, and is announced."""

import math
import os
import shutil
from contextlib import chdir
from types import SimpleNamespace

import pytest
import torch

from lightning_gans.cli import main
from tests.cli.conftest import QUIET, TINY

SHORT = [*TINY, *QUIET]
PLAN = "--model.optimization.generator_scheduler"
STEPS = [PLAN, "StepLR", f"{PLAN}.step_size", "1", f"{PLAN}.gamma", "0.5"]


def content(path):
    return torch.load(path, weights_only=True)


def rates(state):
    """Learning rates of discriminator and generator."""
    return [one["param_groups"][0]["lr"] for one in state["optimizer_states"]]


def moves(state):
    """Moves of discriminator and generator in all, as their optimizers count them."""
    return [int(one["state"][0]["step"]) for one in state["optimizer_states"]]


FIVE = [f"--model.optimization.{setting}" for setting in ("n_critic=5", "generator.lr=5e-4", "discriminator.lr=5e-4")]


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Ten steps, in which the generator moved twice, halving its rate each time."""
    folder = tmp_path_factory.mktemp("ten")
    with chdir(folder):
        main(["fit", *SHORT, *STEPS, *FIVE, "--trainer.max_steps", "10"])
    (found,) = folder.glob("runs/wgan/*")
    return found


@pytest.fixture
def go_on(ten, tmp_path, command):
    """Ten steps more: what is printed, and the state reached."""
    shutil.copytree(ten, tmp_path / "runs/wgan/before")
    last = tmp_path / "runs/wgan/before/checkpoints/last.ckpt"

    def go_on(*args):
        done = command("fit", "--ckpt_path", last, *args, "--trainer.max_steps", 20)
        assert (done.code, done.err) == (0, ""), done.err
        return SimpleNamespace(out=done.out, state=content(last))

    return go_on


def test_given_settings_win_and_are_announced(ten, go_on):
    before = content(ten / "checkpoints/last.ckpt")
    assert rates(before) == pytest.approx([5e-4, 5e-4 * 0.5**2])
    assert moves(before) == [10, 2]
    lr = ["--model.optimization.discriminator.lr", 0.1, "--model.optimization.generator.lr", 0.01, f"{PLAN}.gamma", 0.1]
    values = [
        "--model.optimization.n_critic",
        2,
        "--model.clip_value",
        0.002,
        "--data.batch_size",
        32,
        "--seed_everything",
        5,
    ]
    done = go_on(*lr, *values)
    for line in (
        "resumed from step 10 with settings that differ from the checkpoint's:",
        "  seed_everything: 0 -> 5",
        "  trainer.max_steps: 10 -> 20",
        "  model.clip_value: 0.03 -> 0.002",
        "  model.optimization.n_critic: 5 -> 2",
        "  model.optimization.generator.lr: 0.0005 -> 0.01",
        "  model.optimization.discriminator.lr: 0.0005 -> 0.1",
        "  model.optimization.generator_scheduler.gamma: 0.5 -> 0.1",
        "  data.batch_size: 64 -> 32",
    ):
        assert line in done.out.splitlines(), line
    state = done.state
    assert moves(state) == [20, 2 + 5], "the optimizers keep what they have gathered"
    assert rates(state) == pytest.approx([0.1, 0.01 * 0.1**7]), "the schedule given stands where it is after 7 moves"
    critic = {name: value for name, value in state["state_dict"].items() if name.startswith("discriminator.")}
    assert (
        max(float(value.abs().max()) for name, value in critic.items() if name.endswith(("weight", "bias")))
        <= 0.002 + 1e-9
    )
    assert state["lightning_gans"]["seed"] == 5
    (loader,) = (value for key, value in walk(state["loops"]) if key == "rows")
    assert loader % 64 == 32 * 10 % 64


def walk(tree):
    """All (key, value) of nested mappings and lists."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield key, value
        yield from walk(value)


def test_what_is_not_given_anew_goes_on(go_on):
    done = go_on()  # no --config: that of the checkpoint
    assert "  trainer.max_steps: 10 -> 20" in done.out
    assert "->" not in done.out.replace("10 -> 20", "")
    assert rates(done.state) == pytest.approx([5e-4, 5e-4 * 0.5**4])
    assert moves(done.state) == [20, 4]


def test_a_schedule_may_come_and_go(go_on):
    other = [
        "--model.optimization.discriminator_scheduler",
        "ExponentialLR",
        "--model.optimization.discriminator_scheduler.gamma",
        0.9,
    ]
    done = go_on(f"{PLAN}", "null", *other)
    assert rates(done.state) == pytest.approx([5e-4 * 0.9**20, 5e-4])


def test_another_optimizer_begins_with_nothing_gathered(go_on):
    adam = ["--model.optimization.discriminator", "Adam", "--model.optimization.discriminator.lr", 1e-4]
    state = go_on(*adam).state
    assert moves(state) == [10, 4]
    assert set(state["optimizer_states"][0]["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert rates(state)[0] == 1e-4


def test_nothing_left_to_do(ten, command, tmp_path):
    shutil.copytree(ten, tmp_path / "runs/wgan/before")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    last = "runs/wgan/before/checkpoints/last.ckpt"
    for given in (["--ckpt_path", last], [*SHORT, *STEPS, "--trainer.max_steps", 4, "--ckpt_path", "last"]):
        done = command("fit", *given)
        assert (done.code, done.err) == (0, "")
        (line,) = done.out.splitlines()
        assert line.startswith(f"nothing left to do: {last} has 10 of ")
        assert "--trainer.max_steps" in line
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_nothing_left_to_do_by_epochs(command):
    epoch = [*SHORT, "--trainer.max_steps", -1, "--trainer.max_epochs", 1]
    assert command("fit", *epoch).code == 0
    done = command("fit", *epoch, "--ckpt_path", "last")
    assert (done.code, done.err) == (0, "")
    assert "has 1 of 1 (max_epochs); go on with --trainer.max_epochs 2" in done.out


def test_validate_needs_no_configuration_either(ten, command):
    done = command("validate", "--ckpt_path", ten / "checkpoints/last.ckpt")
    assert (done.code, done.err) == (0, "")
    assert "Metrics after 10 steps" in done.out


def test_last_is_the_newest_of_this_model_and_a_damaged_one_names_the_next(ten, command, tmp_path):
    for name, time in (("a", 3), ("b", 1), ("c", 2)):
        shutil.copytree(ten, tmp_path / "runs/wgan" / name)
        os.utime(tmp_path / "runs/wgan" / name / "checkpoints/last.ckpt", (time, time))
    shutil.copytree(ten, tmp_path / "runs/lsgan/newer")
    finished = [*SHORT, *STEPS, "--trainer.max_steps", 10, "--ckpt_path", "last"]
    assert "runs/wgan/a/checkpoints/last.ckpt has 10" in command("fit", *finished).out
    newest = tmp_path / "runs/wgan/a/checkpoints/last.ckpt"
    newest.write_bytes(newest.read_bytes()[:1000])
    lines = [one_line(command("fit", *finished))]
    newest.with_name("best.ckpt").unlink()
    lines.append(one_line(command("fit", *finished)))
    assert "runs/wgan/a/checkpoints/last.ckpt" in lines[0]
    assert lines[0].endswith("take runs/wgan/a/checkpoints/best.ckpt")
    assert lines[1].endswith("take runs/wgan/c/checkpoints/last.ckpt")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "lsgan", "--ckpt_path", "last", "--trainer.default_root_dir", "."], ["is of a WGAN"]),
        (["--ckpt_path", "last"], ["of which model?", "--config"]),
        (["--model.generator.base_channels", "8"], ["do not fit WGAN", "generator.", "has another size"]),
        (["--model.discriminator.batch_norm", "false"], ["do not fit WGAN", "only one of them has discriminator."]),
    ],
    ids=["last of another", "last of any", "other sizes", "other parts"],
)
def test_mistakes(ten, command, tmp_path, arguments, expected):
    shutil.copytree(ten / "checkpoints", tmp_path / "checkpoints")
    given = arguments if "last" in arguments else [*arguments, "--ckpt_path", "checkpoints/last.ckpt"]
    line = one_line(command("fit", *given, *QUIET, "--trainer.max_steps", 20))
    for part in expected:
        assert part in line


def one_line(done):
    assert done.code == 2
    (line,) = done.err.splitlines()
    return line


def test_the_saved_configuration_reruns_the_run_bit_for_bit(ten, command, tmp_path):
    done = command("fit", "--config", ten / "config.yaml", "--trainer.default_root_dir", tmp_path / "again")
    assert done.code == 0, done.err
    first, again = (content(folder / "checkpoints/last.ckpt") for folder in (ten, tmp_path / "again"))
    assert first["state_dict"].keys() == again["state_dict"].keys()
    for name, value in first["state_dict"].items():
        assert torch.equal(value, again["state_dict"][name]), name
    assert math.isclose(
        first["lightning_gans"]["losses"]["generator"], again["lightning_gans"]["losses"]["generator"], rel_tol=0
    )
