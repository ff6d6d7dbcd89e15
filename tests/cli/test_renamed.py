"""Whatever version 0.1 called otherwise ends in one line with the new name, as a flag and in a file."""

import importlib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

import lightning_gans.data
import lightning_gans.models
import lightning_gans.networks
from lightning_gans.cli.arguments import class_at, optimization_fields
from lightning_gans.cli.commands import COMMANDS
from lightning_gans.cli.configs import shipped_configs
from lightning_gans.cli.lightning_cli import SECTIONS
from lightning_gans.cli.renamed import CONFIGS, FLAGS, renamed_words
from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.engine.renamed import ARGUMENTS, CLASSES, MODULES
from tests.cli.conftest import QUIET

OLD_CHECKPOINT = Path(__file__).parents[1] / "engine/checkpoints_0_1/cgan.ckpt"
MODELS = [class_at(name) for name in lightning_gans.models.__all__]
NETWORKS = [class_at(f"lightning_gans.networks.{name}") for name in lightning_gans.networks.__all__]


def rows(*sections):
    return [(section, old, new) for section in sections for old, new in ARGUMENTS.get(section, {}).items()]


def file_of(tmp_path, path, value):
    """A config that sets one value, with ``init_args`` around the arguments of the model and of its networks."""
    for key in reversed(path):
        value = {key: value}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(value))
    return ["--config", str(tmp_path / "old.yaml")]


@pytest.mark.parametrize(("section", "old", "new"), rows(*SECTIONS))
def test_sections(tmp_path, section, old, new):
    assert new in constructor_defaults(SECTIONS[section])
    expected = f"{section}.{old} is now {section}.{new} (renamed since version 0.1)"
    assert renamed_words(["fit", "--config", "gan", f"--{section}.{old}", "3"]) == expected
    assert renamed_words(["fit", f"--{section}.{old}=3"]) == expected
    assert renamed_words(["fit", *file_of(tmp_path, [section, old], 3)]) == expected


@pytest.mark.parametrize(("section", "old", "new"), rows("model"))
def test_models(tmp_path, section, old, new):
    first, _, inner = new.partition(".")
    assert any(first in constructor_defaults(model) for model in MODELS if model)
    assert not inner or any(inner in optimization_fields(model) for model in MODELS if model)
    expected = f"model.{old} is now model.{new} (renamed since version 0.1)"
    assert renamed_words(["fit", f"--model.{old}", "3"]) == expected
    assert renamed_words(["fit", f"--model.init_args.{old}=3"]) == expected
    assert renamed_words(["fit", *file_of(tmp_path, ["model", "init_args", old], 3)]) == expected


def test_settings_of_optimizers_and_schedulers(tmp_path):
    expected = "model.generator_optimizer is now model.optimization.generator (renamed since version 0.1)"
    assert renamed_words(["fit", "--config", "gan", "--model.generator_optimizer.lr", "1e-3"]) == expected
    path = ["model", "init_args", "generator_optimizer", "init_args", "lr"]
    assert renamed_words(["fit", *file_of(tmp_path, path, 1e-3)]) == expected


@pytest.mark.parametrize("role", ["generator", "discriminator", "encoder"])
@pytest.mark.parametrize(("section", "old", "new"), rows("network"))
def test_networks(tmp_path, section, old, new, role):
    assert any(new in constructor_defaults(network) for network in NETWORKS if network)
    expected = f"model.{role}.{old} is now model.{role}.{new} (renamed since version 0.1)"
    assert renamed_words(["fit", f"--model.{role}.{old}", "3"]) == expected
    path = ["model", "init_args", role, "init_args", old]
    assert renamed_words(["fit", *file_of(tmp_path, path, 3)]) == expected


PARTS = [name for name in ARGUMENTS if name not in (*SECTIONS, "model", "network")]


@pytest.mark.parametrize(("name", "old", "new"), rows(*PARTS))
def test_arguments_of_other_classes(tmp_path, name, old, new):
    cls = class_at(name) or class_at(f"lightning_gans.networks.{name}")
    assert new in constructor_defaults(cls)
    spec = {"class_path": name, "init_args": {old: 3}}
    expected = f"model.regularizers.{old} is now model.regularizers.{new} (renamed since version 0.1)"
    assert renamed_words(["fit", *file_of(tmp_path, ["model", "init_args", "regularizers"], [spec])]) == expected


@pytest.mark.parametrize(
    ("trick", "place", "now"),
    [
        ("OneSidedLabelSmoothing", "regularizers", "regularizers.LabelSmoothing"),
        ("R1", "regularizers", "regularizers.R1"),
        ("R2", "regularizers", "regularizers.R2"),
        ("DiffAugment", "augment", "augment.DiffAugment"),
        ("InstanceNoise", "augment", "augment.InstanceNoise"),
        ("TopK", "top_k", "TopK"),
    ],
)
def test_tricks(tmp_path, trick, place, now):
    path = f"lightning_gans.tricks.{trick}"
    for key in ("tricks", "tricks+"):
        given = file_of(tmp_path, ["model", "init_args", key], [{"class_path": path}])
        line = renamed_words(["fit", "--config", "gan", *given])
        assert f"model.tricks is now model.{place}" in line
        assert f"{path} is now lightning_gans.{now}" in line
    line = renamed_words(["fit", f"--model.tricks+={path}"])
    assert f"model.tricks is now model.{place}" in line


@pytest.mark.parametrize(("old", "new"), CLASSES.items())
def test_classes(tmp_path, old, new):
    assert class_at(new) is not None
    expected = f"{old} is now {new} (renamed since version 0.1)"
    assert renamed_words(["fit", "--config", "gan", "--model.prior", old]) == expected
    given = file_of(tmp_path, ["model", "init_args", "prior"], {"class_path": old})
    assert renamed_words(["fit", *given]) == expected
    name = old.rpartition(".")[2]
    if class_at(name) is None:
        bare = f"{name} is now {new.rpartition('.')[2]} (renamed since version 0.1)"
        assert renamed_words(["fit", "--model.prior", name]) == bare


@pytest.mark.parametrize(("old", "new"), MODULES.items())
def test_modules(old, new):
    importlib.import_module(new)
    assert renamed_words(["fit", "--x", f"{old}.Y", "--data.x", f"{old}.Y"]).startswith(f"{old}.Y is now {new}.Y ")


@pytest.mark.parametrize(("old", "new"), CONFIGS.items())
def test_configs(command, old, new):
    assert new in shipped_configs()
    assert f"{old} is now {new}" in renamed_words(["fit", "--config", "gan", "--config", old])
    assert f"{old} is now {new}" in renamed_words(["fit", "--config", f"{old}.yaml"])


@pytest.mark.parametrize(
    ("arguments", "old"),
    [(["sample", "x.ckpt"], "--raw"), (["sample", "x.ckpt"], "--num"), (["evaluate", "--real", "Digits"], "--raw")],
    ids=str,
)
def test_flags_of_plain_commands(command, arguments, old):
    assert FLAGS[old].removeprefix("--") in {field.name for field in fields(COMMANDS[arguments[0]].options)}
    done = command(*arguments, old, "3")
    assert (done.code, done.err) == (
        2,
        f"lightning_gans: error: {old} is now {FLAGS[old]} (renamed since version 0.1)\n",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "wgan", "--model.n_critic", "3"], "model.n_critic is now model.optimization.n_critic"),
        (
            ["--config", "gan", "--model.generator.hidden", "[3]"],
            "model.generator.hidden is now model.generator.hidden_d",
        ),
        (["--config", "gan", "--metrics.every_n_rounds", "3"], "metrics.every_n_rounds is now metrics.every_n_steps"),
        (["--config", "gan", "--config", "tricks/r1"], "tricks/r1 is now regularizers/r1"),
        (
            ["--config", "old.yaml"],
            "model.n_critic is now model.optimization.n_critic; lightning_gans.tricks.R1 is now l",
        ),
    ],
    ids=lambda given: given[-1] if isinstance(given, list) else "",
)
def test_through_the_command(command, tmp_path, arguments, expected):
    tricks = [{"class_path": "lightning_gans.tricks.R1", "init_args": {"every": 2}}]
    model = {"class_path": "lightning_gans.GAN", "init_args": {"n_critic": 3, "tricks": tricks}}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump({"model": model}))
    done = command("fit", *arguments, *QUIET)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert expected in line


def test_many_are_named_on_one_line(tmp_path):
    networks = {
        name: {"init_args": {"width": 3, "classes": 3, "outputs": 2}} for name in ("generator", "discriminator")
    }
    given = file_of(tmp_path, ["model", "init_args"], {**networks, "n_critic": 2, "ema_decay": 0.9, "compile": True})
    line = renamed_words(["fit", *given])
    assert line.count(" is now ") == 8
    assert line.endswith("and 1 more (renamed since version 0.1)")


def test_a_users_own_arguments_may_be_called_as_they_like(tmp_path):
    own = "tests.cli.parts.OwnGenerator"  # takes size, not width
    assert renamed_words(["fit", "--model.generator", own, "--model.generator.width", "3"]) is None
    assert (
        renamed_words(["fit", "--config", "gan", "--model.generator.base_channels", "3", "--trainer.max_step", "3"])
        is None
    )
    assert renamed_words(["sample", "x.ckpt", "--seeed", "3"]) is None


def test_a_checkpoint_of_version_0_1_goes_on_without_more_ado(command, tmp_path):
    done = command(
        "fit", "--ckpt_path", OLD_CHECKPOINT, *QUIET, "--trainer.max_steps", 7, "--trainer.default_root_dir", "run"
    )
    assert done.code == 0, done.err
    assert "  trainer.max_steps: 6 -> 7" in done.out
    assert "none ->" not in done.out, "settings that are new"
    assert (tmp_path / "run/checkpoints/last.ckpt").is_file()
