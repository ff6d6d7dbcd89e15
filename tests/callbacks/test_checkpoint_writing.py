"""Checkpoints are whole or not there; what cannot be written stops the run in one line."""

import errno
import multiprocessing
import os
import resource
import socket
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

from lightning_gans import ConfigError
from lightning_gans.callbacks import StepCheckpoint
from lightning_gans.callbacks.lock import FolderLock
from lightning_gans.callbacks.writing import UNFINISHED, AtomicCheckpointIO
from lightning_gans.errors import LightningGANsWarning
from tests.games import gan, points, train


@pytest.fixture
def full_disk():
    """From now on no file may grow beyond a few bytes: the system refuses as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Fill(Callback):
    """Fills the disk in a step."""

    def __init__(self, fill, step):
        self.fill, self.step = fill, step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            self.fill()


def run(folder, *callbacks, **kwargs):
    keep = StepCheckpoint(monitor=None, dirpath=str(folder), every_n_steps=5)
    return train(gan(), 20, callbacks=[keep, *callbacks], enable_checkpointing=True, **kwargs)


def test_a_full_disk_leaves_the_last_good_file(tmp_path, full_disk):
    with pytest.raises(ConfigError, match=r"checkpoint='.*last\.ckpt': cannot be written \(File too large\)"):
        run(tmp_path, Fill(full_disk, 12))
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["lightning_gans"]["step"] == 10


class Occupy(Callback):
    """Puts a folder where the next checkpoint should be."""

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 12 and trainer.is_global_zero:
            last = Path(trainer.checkpoint_callback.last_model_path)
            last.unlink()
            (last / "inside").mkdir(parents=True)


def test_all_processes_hear_of_it(tmp_path):
    """Only the first process writes; the other must not wait for it for ever."""
    with pytest.raises(Exception, match="cannot be written"):
        run(tmp_path, Occupy(), strategy="ddp_fork", devices=2)
    assert {file.name for file in tmp_path.iterdir()} <= {"last.ckpt", ".lock"}


def test_a_folder_that_nobody_may_write(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "file" / "last.ckpt")


def test_what_cannot_be_saved_at_all_is_no_matter_of_the_disk(tmp_path):
    with pytest.raises(Exception, match="pickle") as told:
        AtomicCheckpointIO().save_checkpoint({"a": lambda: None}, tmp_path / "last.ckpt")
    assert not isinstance(told.value, ConfigError)
    assert not list(tmp_path.iterdir())


def test_a_file_takes_its_name_when_it_is_on_the_disk(tmp_path, monkeypatch):
    """The order that makes it atomic: all of it written, flushed to the disk, then renamed."""
    steps, fsync, replace = [], os.fsync, type(tmp_path).replace

    def flushed(descriptor):
        steps.append(
            "file"
            if os.fstat(descriptor).st_size > 1000 and not os.path.isdir(f"/proc/self/fd/{descriptor}")
            else "folder"
        )
        fsync(descriptor)

    def renamed(source, target):
        assert torch.load(source, weights_only=True)["a"].sum() == 1000
        steps.append("renamed")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(type(tmp_path), "replace", renamed)
    AtomicCheckpointIO().save_checkpoint({"a": torch.ones(1000)}, tmp_path / "last.ckpt")
    assert steps == ["file", "renamed", "folder"]


@pytest.mark.slow
def test_memory_does_not_grow(tmp_path):
    sizes = []

    class Resident(Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step in (100, 400):
                with open("/proc/self/statm") as statm:
                    sizes.append(int(statm.read().split()[1]))

    keep = StepCheckpoint(monitor=None, dirpath=str(tmp_path), every_n_steps=20)
    train(gan(), 400, data=points(3200), callbacks=[keep, Resident()], enable_checkpointing=True)
    assert sizes[1] < 1.02 * sizes[0]


def hold(folder, ready):
    """A run that has only begun, and is in the middle of a file."""
    lock = FolderLock()
    lock.acquire(folder, "trainer.default_root_dir")
    (folder / f".last.ckpt{UNFINISHED}").write_text("half of it")
    ready.set()
    time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """Another process that writes to the folder."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    yield process
    process.kill()
    process.join()


@pytest.mark.parametrize("processes", [{}, {"strategy": "ddp_fork", "devices": 2}], ids=["one", "two"])
def test_a_folder_in_use_is_left_alone_until_its_run_ends_or_is_killed(processes, tmp_path, holder):
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(before) == {".lock", f".last.ckpt{UNFINISHED}"}
    whose = rf"process {holder.pid} on {socket.gethostname()} since \d{{4}}-"
    with pytest.raises(Exception, match=rf"checkpoint\.dirpath='.*': in use by {whose}.*; choose another folder"):
        run(tmp_path, **processes)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    holder.kill()
    holder.join()
    run(tmp_path, **processes)
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


class Look(Callback):
    def on_train_end(self, trainer, pl_module):
        self.seen = (Path(trainer.checkpoint_callback.dirpath) / ".lock").read_text()


def test_a_run_says_who_it_is_and_gives_the_folder_back_at_its_end(tmp_path):
    look = Look()
    run(tmp_path, look)
    assert look.seen.startswith(f"process {os.getpid()} on ")

    class Fail(Callback):
        def on_train_batch_start(self, *_):
            raise RuntimeError("no reason")

    with pytest.raises(RuntimeError, match="no reason"):
        run(tmp_path, Fail())
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    lock = FolderLock()
    lock.acquire(tmp_path, "x")
    lock.release()
    with pytest.raises(ConfigError, match=r"x='.*': cannot be written to"):
        lock.acquire(tmp_path / "last.ckpt", "x")


def test_a_file_system_without_locks_is_mentioned(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refused)
    with pytest.warns(LightningGANsWarning, match="cannot be locked .No locks available.: make sure"):
        run(tmp_path)
