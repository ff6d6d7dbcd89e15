"""The script for SLURM clusters, with stand-ins for SLURM's commands."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples/slurm/train.sbatch"
STAND_IN = '#!/bin/sh\necho "$(basename $0) $@" >> calls\nexit ${%s:-0}\n'


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("resumes", [False, True])
def test_it_resumes_and_requeues(interrupted, resumes, tmp_path):
    for command in ("srun", "scontrol"):
        (tmp_path / command).write_text(STAND_IN % f"{command.upper()}_EXIT")
        (tmp_path / command).chmod(0o755)
    last = tmp_path / "runs/wgan/17/checkpoints/last.ckpt"
    if resumes:
        last.parent.mkdir(parents=True)
        last.touch()
    job = {"SLURM_JOB_ID": "17", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "4"}
    environment = {
        **os.environ,
        **job,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SRUN_EXIT": "143" if interrupted else "1",
    }
    done = subprocess.run(["bash", str(SCRIPT)], cwd=tmp_path, env=environment)
    started, *queued = (tmp_path / "calls").read_text().splitlines()
    assert started.startswith(
        "srun lightning_gans fit --config configs/wgan.yaml --trainer.num_nodes 2 --trainer.devices 4"
    )
    assert started.endswith("--ckpt_path runs/wgan/17/checkpoints/last.ckpt") == resumes
    assert queued == (["scontrol requeue 17"] if interrupted else [])
    assert done.returncode == (0 if interrupted else 1)
