"""The tools that keep the code as it should be, run by the test command."""

import importlib
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from PIL import Image

from tests.models.harness import ROWS

ROOT = Path(__file__).parents[1]
SCRIPTS = sysconfig.get_path("scripts")
BASES = {"bidirectional", "super_resolution", "text_to_image"}
"""Files of models that are what others have in common."""


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        pytest.param(["mypy"], marks=pytest.mark.slow),  # takes a minute; .ci/run calls it
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_tool(command):
    program = shutil.which(command[0], path=SCRIPTS) or shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed; pip install -e '.[test]'"
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_model_has_its_config_page_and_row():
    configs = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    files = (ROOT / "lightning_gans/models").glob("[a-z]*.py")
    models = {path.stem for path in files if path.stem not in BASES}
    assert models, "no models found"
    assert models <= configs, "a model has a config of its name"
    assert configs == set(ROWS), "a config has a row in tests/models/harness.py"
    for model in sorted(models):
        page = ROOT / f"docs/models/{model}.md"
        assert page.is_file(), f"{model} has no {page}"
        command = f"lightning_gans fit --config configs/{model}.yaml"  # tests/test_docs.py runs it
        assert command in page.read_text(), f"{page}: no {command}"


@pytest.fixture
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


def test_own_gan_runs(examples, capsys):
    assert examples("own_gan").main(steps=20).shape == (1000,)
    assert "radius of 1,000 samples" in capsys.readouterr().out


def test_ring_runs_and_becomes_a_film(examples, tmp_path, capsys):
    film = examples("ring").main(steps=6, frames=3, folder=str(tmp_path / "run"), output=str(tmp_path / "ring.gif"))
    assert "of 8 modes" in capsys.readouterr().out
    with Image.open(film) as pictures:
        assert pictures.n_frames == 3
        assert pictures.size == (480, 480)


def test_a_film_needs_pictures(examples, tmp_path):
    with pytest.raises(SystemExit, match="no pictures in"):
        examples("animate").animate(tmp_path, tmp_path / "run.gif")
