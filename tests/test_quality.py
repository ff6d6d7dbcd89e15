"""The tools that keep the code as it should be, run by the test command."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sysconfig.get_path("scripts")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_tool(command):
    program = shutil.which(command[0], path=SCRIPTS) or shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed; pip install -e '.[test]'"
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_model_has_its_config_page_and_test():
    models = {path.stem for path in (ROOT / "lightning_gans/models").glob("[a-z]*.py")}
    assert models, "no models found"
    for model in sorted(models):
        for path in (f"configs/{model}.yaml", f"docs/models/{model}.md", f"tests/models/test_{model}.py"):
            assert (ROOT / path).is_file(), f"{model} has no {path}"


def test_examples_run(capsys):
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import own_gan
    finally:
        sys.path.pop(0)
    assert own_gan.main(rounds=20).shape == (1000,)
    assert "radius of 1,000 samples" in capsys.readouterr().out
