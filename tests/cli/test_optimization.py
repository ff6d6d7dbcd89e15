"""How players learn, on the command line: a part is changed and the rest stays; what is printed is whole and true."""

import inspect
from dataclasses import fields

import pytest
import torch
import yaml

import lightning_gans.models
from lightning_gans.engine import Game
from lightning_gans.engine.constructors import constructor_defaults
from tests.cli.conftest import QUIET

MODELS = {
    name: cls for name in lightning_gans.models.__all__ if issubclass(cls := getattr(lightning_gans.models, name), Game)
}
NETWORKS = {
    "generator": "MLPGenerator",
    "discriminator": "MLPDiscriminator",
    "encoder": "MLPEncoder",
}
OTHERS = {
    "Pix2Pix": {"generator": "UNet", "discriminator": "PatchDiscriminator"},
    "DRAW": {"generator": "DRAWNetwork"},
    "StackGAN": {"generator": "StackGANGenerator"},
}
"""Networks of those that take no others."""
BY_ITSELF = {"objective", "phases", "given"}
"""What some models give their base."""
SOME = ("AAE",)  # of three optimizers; each is a parse of its own


def required(name):
    """A model with the networks that it needs, and data."""
    given = [word for word, default in constructor_defaults(MODELS[name]).items() if default is inspect.Parameter.empty]
    networks = {**NETWORKS, **OTHERS.get(name, {})}
    words = [part for role in given if role in networks for part in (f"--model.{role}", networks[role])]
    return ["--model", name, *words, "--data", "EmojiPairs" if name == "Pix2Pix" else "Digits"]


@pytest.fixture
def printed(command):
    """What ``--print_config`` prints of the model, and the whole text."""

    def printed(*args):
        done = command("fit", *args, "--print_config")
        assert (done.code, done.err) == (0, ""), done.err
        return yaml.safe_load(done.out)["model"]["init_args"], done.out

    return printed


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SOME else [pytest.mark.slow]) for name in MODELS]
)
def test_every_models_defaults_are_printed_whole_and_parse_to_the_same(printed, tmp_path, name):
    settings, text = printed(*required(name))
    assert "Unable to serialize" not in text
    left_out = constructor_defaults(MODELS[name]).keys() - settings.keys()
    assert left_out <= BY_ITSELF
    defaults = MODELS[name].defaults
    assert settings["optimization"].keys() == {field.name for field in fields(defaults)}
    for field in fields(defaults):
        expected, found = getattr(defaults, field.name), settings["optimization"][field.name]
        if isinstance(expected, dict):
            assert found["class_path"] == expected["class_path"]
            assert found["init_args"].items() >= expected["init_args"].items()
            assert "weight_decay" in found["init_args"], "the optimizer's own defaults too"
        else:
            assert found == expected, field.name
    (tmp_path / "printed.yaml").write_text(text)
    assert printed("--config", "printed.yaml")[1] == text


def test_a_number_leaves_the_variants_own_rates(printed):
    training = printed(*required("WGANGP"), "--model.optimization.n_critic", "3")[0]["optimization"]
    assert training["n_critic"] == 3
    for player in ("generator", "discriminator"):
        assert training[player]["class_path"] == "torch.optim.Adam"
        assert training[player]["init_args"]["lr"] == 1e-4
        assert training[player]["init_args"]["betas"] == [0.0, 0.9]


def test_a_rate_leaves_class_and_betas_and_the_other_player(printed):
    training = printed(*required("WGANGP"), "--model.optimization.generator.lr", "1e-3")[0]["optimization"]
    assert training["generator"]["class_path"] == "torch.optim.Adam"
    assert training["generator"]["init_args"]["lr"] == 1e-3
    assert training["generator"]["init_args"]["betas"] == [0.0, 0.9]
    assert training["discriminator"]["init_args"]["lr"] == 1e-4
    assert training["n_critic"] == 5


def test_files_merge_and_flags_come_last(printed, tmp_path):
    first = {"generator": {"init_args": {"lr": 1.0e-3}}, "ema_decay": 0.5, "discriminator_clip": 2.0}
    second = {"generator": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}, "discriminator_clip": None}
    for name, training in (("first", first), ("second", second)):
        content = {"model": {"init_args": {"optimization": training}}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    words = [*required("WGANGP"), "--config", "first.yaml", "--config", "second.yaml"]
    training = printed(*words, "--model.optimization.discriminator.lr", "7e-4")[0]["optimization"]
    assert (training["ema_decay"], training["discriminator_clip"], training["n_critic"]) == (0.5, None, 5)
    assert training["generator"]["class_path"] == "torch.optim.SGD"
    assert training["generator"]["init_args"]["lr"] == 0.1
    assert training["discriminator"]["init_args"]["lr"] == 7e-4
    assert training["discriminator"]["init_args"]["betas"] == [0.0, 0.9]


def test_schedulers_come_and_go(printed):
    plan = "--model.optimization.generator_scheduler"
    words = [*required("GAN"), plan, "StepLR", f"{plan}.step_size", "3"]
    assert printed(*words)[0]["optimization"]["generator_scheduler"]["init_args"]["step_size"] == 3
    assert printed(*words, plan, "null")[0]["optimization"]["generator_scheduler"] is None


def test_a_schedule_without_a_length_is_as_long_as_the_run(command, printed, tmp_path):
    plan = ["--model.optimization.generator_scheduler", "CosineAnnealingLR"]
    assert printed(*required("GAN"), *plan)[0]["optimization"]["generator_scheduler"]["init_args"]["T_max"] == 0
    short = ["--trainer.max_steps", "2", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]
    run = [*required("GAN"), *plan, *QUIET, *short, "--trainer.default_root_dir", "run"]
    done = command("fit", *run, "--model.optimization.n_critic", "2")
    assert (done.code, done.err) == (0, "")
    last = tmp_path / "run/checkpoints/last.ckpt"
    (schedule,) = torch.load(last, weights_only=True)["lr_schedulers"]
    assert schedule["T_max"] == 1
    assert command("sample", last, "--num_samples", "2").code == 0


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (["n_critic", "0"], "optimization.n_critic=0"),
        (["n_critic", "abc"], "model.optimization.n_critic: must be int"),
        (["micro_batches", "0"], "optimization.micro_batches=0"),
        (["ema_decay", "1.5"], "optimization.ema_decay=1.5"),
        (["n_critc", "2"], "model.optimization.n_critc"),
        (["generator.class_path", "torch.optim.Adm"], "did you mean torch.optim.Adam?"),
        (["generator.lrr", "1"], "model.optimization.generator.lrr: Adam has no such setting; did you mean lr?"),
        (["generator.lr", "abc"], "model.optimization.generator.lr: must be float"),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_mistakes_are_one_line(command, setting, expected):
    name, value = setting
    done = command("fit", *required("GAN"), *QUIET, f"--model.optimization.{name}", value, "--trainer.max_steps", "1")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert expected in line
