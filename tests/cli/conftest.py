import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lightning_gans.cli import main

CONFIG = Path(__file__).parents[2] / "configs/wgan.yaml"
TINY = [
    *("--config", str(CONFIG)),
    *("--model.init_args.generator.init_args.base_channels", "4"),
    *("--model.init_args.discriminator.init_args.base_channels", "4"),
    *("--metrics.num_samples", "64"),
    *("--metrics.num_reference", "128"),
    *("--samples.num_samples", "4"),
]
QUIET = ["--trainer.logger", "false", "--trainer.enable_progress_bar", "false"]


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory):
    """One thread (small networks on busy cores are slower with more), W&B offline, a cache of its own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    torch.set_num_threads(threads)


def start(folder, *args):
    """The real command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lightning_gans.cli", *args],
        cwd=folder,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fork(folder, *args):
    """The command in a fork of this process: all is imported there already, which saves ten seconds.

    It has no ``atexit``, where W&B ends a run. What it prints on stderr is in the file ``err`` of the folder.
    """
    importlib.import_module("lightning_gans.cli.lightning_cli")

    def child():
        os.chdir(folder)
        os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT), 2)
        sys.stdout, sys.stderr = open(os.devnull, "w"), open(2, "w", closefd=False)  # noqa: SIM115 # till the end
        sys.argv = ["lightning_gans"]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main([str(arg) for arg in args])

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return process


@pytest.fixture
def command(tmp_path, monkeypatch, capfd, loaded_once):
    """The command in this process, from an empty folder: ``command("fit", ...)`` gives code, out and err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lightning_gans"])

    def run(*args):
        code = 0
        try:
            main([str(arg) for arg in args])
        except SystemExit as leaving:
            code = leaving.code or 0
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A finished run of 150 steps: its folder, what it printed, and its checkpoints."""
    folder = tmp_path_factory.mktemp("run")
    process = start(folder, "fit", *TINY, "--trainer.max_steps", "150", "--metrics.every_n_steps", "60")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    (path,) = folder.glob("runs/wgan/*")
    best, last = path / "checkpoints/best.ckpt", path / "checkpoints/last.ckpt"
    return SimpleNamespace(cwd=folder, path=path, out=out, err=err, best=best, last=last)
