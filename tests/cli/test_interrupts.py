import os
import signal
import time

import pytest
import torch

from tests.cases import few
from tests.cli.conftest import QUIET, TINY, fork


@pytest.mark.filterwarnings("ignore:resumed after step")  # mid-epoch: by the nature of an interrupt
@pytest.mark.parametrize(
    ("number", "code"), few([(signal.SIGINT, 130), (signal.SIGTERM, 143)], [(signal.SIGTERM, 143)])
)
def test_signals_save_the_last_state_and_the_run_goes_on(command, tmp_path, number, code):
    endless = [
        "--trainer.max_steps",
        "1000000",
        "--checkpoint.every_n_steps",
        "1000000",
        "--samples.every_n_steps",
        "5",
    ]
    process = fork(tmp_path, "fit", *TINY, *QUIET, *endless)
    try:
        limit = time.monotonic() + 240
        while not list(tmp_path.glob("runs/wgan/*/samples/*.png")):  # training has begun
            assert process.is_alive(), (tmp_path / "err").read_text()
            assert time.monotonic() < limit
            time.sleep(0.1)
        os.kill(process.pid, number)
        process.join(120)
    finally:
        process.kill()
        process.join()
    err = (tmp_path / "err").read_text()
    assert process.exitcode == code, err
    assert "Traceback" not in err
    (last,) = tmp_path.glob("runs/wgan/*/checkpoints/last.ckpt")
    reached = torch.load(last, weights_only=True)["global_step"]
    assert reached >= 5
    assert f"after {reached} steps; go on with --ckpt_path {last.relative_to(tmp_path)}" in err
    done = command("fit", *TINY, *QUIET, "--trainer.max_steps", reached + 3, "--ckpt_path", last)
    assert done.code == 0, done.err
    assert torch.load(last, weights_only=True)["global_step"] == reached + 3
