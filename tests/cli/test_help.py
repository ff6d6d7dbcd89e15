"""The help of Lightning's commands: short, what it says is so, and the rest is behind a flag."""

import re

import pytest
import yaml

from lightning_gans.cli.arguments import class_at
from lightning_gans.cli.configs import shipped_configs
from lightning_gans.cli.help import EXAMPLES, SHOWN, TITLES, TRAINER_COMMANDS
from lightning_gans.cli.renamed import merged
from lightning_gans.engine.constructors import constructor_defaults

GIVEN = ["--model", "GAN", "--model.generator", "DCGANGenerator", "--data", "ImageFolder", "--data.root", "photos"]


@pytest.fixture
def helped(command, monkeypatch):
    """What a command prints on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")

    def helped(*args):
        done = command(*args)
        assert (done.code, done.err) == (0, "")
        return done.out

    return helped


def entries(text):
    """The settings of a short help, each with what is said of it."""
    joined = re.sub(r"\n {10,}", " ", text)
    return dict(re.findall(r"^  --([\w.]+) +(.*)$", joined, re.MULTILINE))


@pytest.mark.parametrize("name", TRAINER_COMMANDS)
@pytest.mark.parametrize("config", [[], ["--config", "wgan"]], ids=str)
def test_two_screens(helped, name, config):
    lines = helped(name, *config, "--help").splitlines()
    assert len(lines) <= 80 + 4 * bool(config), "values may need lines of their own"
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith(f"usage: lightning_gans {name} --")
    assert lines[2] == TRAINER_COMMANDS[name]
    assert {*SHOWN[name], "help_all", "metrics.help", "data.help"} == entries("\n".join(lines)).keys()


def test_every_shipped_config_is_named(helped):
    named = re.findall(r"^  ([a-z/]+) +((?:[\w, ]|\n {10,})+)$", helped("fit", "--help"), re.MULTILINE)
    folders = {folder: re.findall(r"\w+", names) for folder, names in named}
    found = [
        name
        for folder, names in folders.items()
        for name in (names if folder == "models" else map(folder.__add__, names))
    ]
    assert found == list(shipped_configs())


def test_settings_exist_and_defaults_are_the_parsers(helped):
    parsed = merged(["--config", helped("fit", *GIVEN, "--print_config")])
    listed = helped("fit", "--help_all")
    shown = {setting: text for name in TRAINER_COMMANDS for setting, text in entries(helped(name, "--help")).items()}
    defaults = 0
    for setting in {setting for names in SHOWN.values() for setting in names}:
        value = parsed
        for part in setting.split("."):
            assert f" --{setting} " in listed or part in value, setting
            value = value.get(part)
        if default := re.search(r" \[([^]]+)\]$", shown[setting]):
            assert yaml.safe_load(default[1]) == value, setting
            defaults += 1
    assert defaults >= 8


def test_values_are_those_of_the_configs_given(helped):
    shown = entries(helped("fit", "--config", "lsgan", "--config=data/digits", "--metrics.num_samples", "77", "--help"))
    values = merged(["--config", str(shipped_configs()["lsgan"])])
    assert shown["model"].endswith("[LSGAN]")
    assert shown["data"].endswith("[Digits]")
    assert shown["trainer.max_steps"].endswith(f"[{values['trainer']['max_steps']}]")
    assert shown["metrics.num_samples"].endswith("[77]")


def test_classes_that_are_named_exist(helped):
    shown = entries(helped("fit", "--help"))
    for setting in ("model", "model.generator", "data", "trainer.logger"):
        names = re.findall(r"(?<![.\w])[A-Z]\w+", shown[setting])
        assert len(names) >= 2
        assert all(map(class_at, names)), names


@pytest.mark.parametrize("example", EXAMPLES["fit"])
def test_examples_work(helped, example):
    assert yaml.safe_load(helped("fit", *example.split(), "--print_config"))["model"]["class_path"]


@pytest.mark.parametrize("name", TRAINER_COMMANDS)
def test_the_rest_is_behind_one_flag(helped, name):
    lines = helped(name, "--config", "wgan", "--help_all").splitlines()
    headings = {line for line in lines if line.endswith(":") and not line.startswith(" ")}
    assert headings <= {"options:", *(f"{title}:" for title in TITLES.values())}, "none is cut in its sentence"
    assert " ".join(lines).count(TRAINER_COMMANDS[name][-20:]) == 1
    for setting in ("--trainer.deterministic", "--metrics.subset_size", "WGANGP"):
        assert any(setting in line for line in lines)
    assert not any("torchvision" in line or "torchmetrics." in line for line in lines), "no lists of what is installed"


def test_the_rest_of_a_section_or_class(helped):
    metrics = helped("fit", "--config", "wgan", "--metrics.help")
    assert all(f"--metrics.{name}" in metrics for name in constructor_defaults(class_at("MetricsCallback")))
    assert "--trainer." not in metrics
    assert f"\n{TITLES['metrics']}:\n" in metrics
    assert "UnrolledGAN" in helped("fit", "--model.help")
    wgan = helped("fit", "--model.help", "WGAN")
    assert "--model.clip_value" in wgan
    assert "Wasserstein GAN" in wgan.splitlines()[2], "the class's own heading"
    assert "--data.crop_margin" in helped("validate", "--data.help", "ImageFolder")
    assert "--generator.base_channels" in helped("fit", "--config", "gan", "--model.generator.help", "DCGANGenerator")


@pytest.mark.parametrize("name", EXAMPLES)
def test_alone_a_command_says_what_to_type(command, name):
    done = command(name)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert f"lightning_gans {name} {EXAMPLES[name][0]}" in done.err
    assert ("--config NAME (lightning_gans configs" if name == "fit" else "--help") in done.err
