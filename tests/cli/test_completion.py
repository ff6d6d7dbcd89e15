"""The completion script is valid bash and completes what can be given."""

import shutil
import subprocess

import pytest

ASK = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_lightning_gans
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    from lightning_gans.cli.completing import script

    path = tmp_path_factory.mktemp("completion") / "lightning_gans.sh"
    path.write_text(script("bash"))
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash(script):
    subprocess.run(["bash", "-n", script], check=True)

    def completed(*words):
        done = subprocess.run(
            ["bash", "-c", ASK, "ask", script, "lightning_gans", *words], capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert completed("f") == ["fit"]
    assert {"fit", "sample", "configs"} <= set(completed(""))
    assert completed("fit", "--config", "wg") == ["wgan", "wgan_gp"]
    assert completed("fit", "--model.clip_v") == ["--model.clip_value"]
    assert completed("fit", "--model.generator.base_c") == ["--model.generator.base_channels"]
    assert completed("fit", "--data.batch") == ["--data.batch_size"]
    assert completed("fit", "--trainer.max_st") == ["--trainer.max_steps"]
    assert completed("fit", "--model", "LS") == ["LSGAN"]
    assert completed("fit", "--model.divergence", "Re") == ["ReverseKL"]
    assert completed("sample", "x.ckpt", "--inter") == ["--interpolate"]
    assert completed("configs", "data/fa") == ["data/fashion_mnist"]


def test_other_shells_are_refused(command):
    done = command("completion", "fish")
    assert done.code == 2
    assert "choose bash or zsh" in done.err
