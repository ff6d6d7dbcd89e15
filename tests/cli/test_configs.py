"""The shipped configs: listed, printed, found by bare name; in a checkout and in an installed package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import lightning_gans
from lightning_gans.cli.configs import resolve_config_names, shipped_configs

CONFIGS = Path(__file__).parents[2] / "configs"


def test_lists_every_config_with_a_description(command):
    done = command("configs")
    assert (done.code, done.err) == (0, "")
    for file in CONFIGS.rglob("*.yaml"):
        (line,) = (line for line in done.out.splitlines() if line.split("  ")[0].strip() == name_of(file))
        assert len(line.partition("  ")[2].strip()) > 20, line
        assert line.endswith("."), "a whole sentence"


def name_of(file):
    return str(file.relative_to(CONFIGS).with_suffix(""))


def test_prints_one_as_it_is(command):
    for name in ("wgan", "data/mnist", "wgan.yaml"):
        assert command("configs", name).out == (CONFIGS / f"{name.removesuffix('.yaml')}.yaml").read_text()


@pytest.mark.parametrize("name", ["wgna", "data/mnits", "configs/wgna.yaml"])
def test_suggests_the_nearest(command, name):
    done = command("configs", name)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "did you mean" in done.err


def test_bare_names_work_from_any_folder_and_files_come_first(command, tmp_path):
    done = command("fit", "--config", "wgan", "--config=data/digits", "--print_config")
    assert done.code == 0, done.err
    assert yaml.safe_load(done.out)["model"]["init_args"]["clip_value"] == 0.03
    (tmp_path / "gan").write_text("seed_everything: 7\n")
    assert resolve_config_names(["fit", "--config", "gan"]) == ["fit", "--config", "gan"]
    assert resolve_config_names(["fit", "-c", "lsgan.yaml"]) == ["fit", "-c", str(shipped_configs()["lsgan"])]


def test_an_installed_package_needs_no_checkout(tmp_path):
    package = Path(lightning_gans.__file__).parent
    shutil.copytree(package, tmp_path / "lightning_gans", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copytree(CONFIGS, tmp_path / "lightning_gans/configs")  # where pyproject's force-include puts them
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "lightning_gans.cli", "configs", "wgan"],
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (CONFIGS / "wgan.yaml").read_text()


LIGHT = """
import sys
from lightning_gans.cli import main
helps = [[name, "--help"] for name in ("sample", "evaluate", "train-features", "configs", "fit", "test")]
for given in (["--help"], ["--version"], ["configs"], *helps, ["fit"], ["sample", "x", "--seeed"]):
    try:
        main(given)
    except SystemExit as leaving:
        assert leaving.code in (None, 0, 2), given
loaded = {"torch", "lightning", "wandb", "torchvision", "sklearn"} & set(sys.modules)
assert not loaded, loaded
"""


def test_plain_commands_start_without_torch_and_lightning():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sample" in done.stdout
    assert "evaluate" in done.stdout
