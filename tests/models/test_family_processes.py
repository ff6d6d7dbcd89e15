"""Every recipe on two processes: both play the same game, and hold the same weights afterwards, bit for bit."""

import os
import socket
import subprocess
import sys

import pytest
import torch
from lightning.pytorch import Callback

from tests.models.test_family import RECIPES, STEPS, fit

SCRIPT = "from tests.models.test_family_processes import play; play()"


class Agree(Callback):
    """Compares all weights of all processes."""

    def on_train_end(self, trainer, pl_module):
        mine = torch.cat([p.detach().flatten() for p in pl_module.parameters()])
        everyone = pl_module.all_gather(mine)
        assert everyone.shape[0] == trainer.world_size == 2
        assert torch.equal(everyone[0], everyone[1])
        assert bool(mine.isfinite().all())


def play():
    """All recipes in turn, in one of two processes; says which it got through."""
    torch.set_num_threads(1)
    for recipe in RECIPES:
        fit(recipe, STEPS, Agree(), strategy="ddp", devices=2)
        print(f"played {recipe}", flush=True)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What two processes, started as a cluster starts them, got through; and what they complained of."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    cluster |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "family", "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path_factory.mktemp("process"),
            env={**os.environ, **cluster, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = []
    try:
        said = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [out.splitlines() for out, _ in said], "\n".join(error for _, error in said)


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_agree(recipe, played):
    through, errors = played
    assert all(f"played {recipe}" in lines for lines in through), errors[-3000:]
