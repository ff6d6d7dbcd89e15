"""A run that was stopped anywhere and goes on equals the run that was not stopped, bit for bit."""

import multiprocessing
import os
import random
import signal
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_gans import GAN, Batch
from lightning_gans.callbacks import StepCheckpoint, writing
from lightning_gans.data.augmentation import RandomFlip
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.errors import LightningGANsWarning
from tests.cases import few

STEPS = 12  # two epochs of five and a bit
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Tiny(ImageDataModule):
    """Images that are augmented; five batches an epoch and a rest, whatever the number of processes."""

    image_shape, num_classes = (1, 8, 8), None

    def load_train(self):
        pixels = torch.randint(0, 256, (42, 1, 8, 8), generator=torch.Generator().manual_seed(0))
        return ImageDataset(pixels.to(torch.uint8), None)

    def augmentations(self):
        return (RandomFlip(),)


class Recorded(GAN):
    """Remembers what it was given to learn."""

    def training_step(self, batch, batch_idx):
        self.seen[self.step] = Batch.of(batch).image.double().sum().item()
        super().training_step(batch, batch_idx)


def decay(optimizer):
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def model():
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(4, 32), nn.Unflatten(1, (2, 4, 4)), nn.BatchNorm2d(2), nn.ReLU(), nn.ConvTranspose2d(2, 1, 2, 2)
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 3, 3, 2), nn.BatchNorm2d(3), nn.Dropout(0.3), nn.Flatten(), nn.Linear(27, 1)
    )
    schedulers = {"generator_scheduler": decay, "discriminator_scheduler": decay}
    settings = {"n_critic": 3, "ema_decay": 0.9, "discriminator_clip": 0.5, **schedulers}
    game = Recorded(generator, discriminator, latent_dim=4, optimization=settings)
    game.seen = {}
    return game


class Final(Callback):
    """Writes down what a run ends with: its whole state, what it saw, and its next samples."""

    def __init__(self, path):
        self.path = path

    def on_train_end(self, trainer, pl_module):
        content = trainer._checkpoint_connector.dump_checkpoint(False)
        kept = {
            name: content[name]
            for name in ("state_dict", "optimizer_states", "lr_schedulers", "lightning_gans", "epoch")
        }
        kept |= {"step": trainer.global_step, "seen": pl_module.seen, "samples": pl_module.sample(6)}
        kept |= {"logged": {k: v for k, v in trainer.callback_metrics.items() if k != "images_per_second"}}
        torch.save(kept, f"{self.path}.{trainer.global_rank}")


class Saved(Callback):
    """Saves the state after every step, as a run that is killed there would leave it."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, trainer, *_):
        trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


def fit(steps, path, *callbacks, data, ckpt_path=None, processes=1):
    torch.manual_seed(random.randrange(2**31) if ckpt_path else 7)  # a resumed process starts with another state
    trainer = Trainer(
        max_steps=steps,
        max_epochs=-1,
        log_every_n_steps=4,
        enable_checkpointing=any(isinstance(callback, StepCheckpoint) for callback in callbacks),
        strategy="ddp_fork" if processes > 1 else "auto",
        devices=processes,
        callbacks=[*callbacks, Final(path)],
        **QUIET,
    )
    trainer.fit(model(), data, ckpt_path=ckpt_path, weights_only=True)


def assert_equal(first, second, where=""):
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_equal(first[key], second[key], f"{where}/{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_equal(one, other, f"{where}/{index}")
    else:
        assert first == second, where


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """From a number of processes to the folder of a run that was not stopped, with its end and all its checkpoints."""
    folders = {}

    def run(processes=1):
        if processes not in folders:
            folders[processes] = tmp_path_factory.mktemp("straight")
            data = Tiny(batch_size=8 // processes)
            fit(STEPS, folders[processes] / "end", Saved(folders[processes]), data=data, processes=processes)
        return folders[processes]

    return run


def assert_same_end(straight, resumed_at, path, processes=1):
    for rank in range(processes):
        whole, parts = (torch.load(f"{run}.{rank}", weights_only=True) for run in (straight / "end", path))
        whole["seen"] = {step: seen for step, seen in whole["seen"].items() if step >= resumed_at}
        assert_equal(whole, parts, f"stopped after {resumed_at}, process {rank}")


@pytest.mark.parametrize(("processes", "workers"), few([(1, 0), (1, 2), (2, 0), (2, 2)], [(1, 0)]))
def test_stopped_after_any_step(processes, workers, straight, tmp_path):
    whole = straight(processes)  # whose data were loaded in the process itself
    every = range(1, STEPS) if (processes, workers) == (1, 0) else (4, 5, 10)
    for stop in every:
        data = Tiny(batch_size=8 // processes, num_workers=workers)
        fit(STEPS, tmp_path / "parts", data=data, ckpt_path=whole / f"{stop}.ckpt", processes=processes)
        assert_same_end(whole, stop, tmp_path / "parts", processes)


def test_a_run_with_workers_equals_one_without(straight, tmp_path):
    fit(STEPS, tmp_path / "end", data=Tiny(batch_size=8, num_workers=2))
    assert_same_end(straight(), 0, tmp_path / "end")


@pytest.mark.parametrize("stop", [3, 4, 5, 10])
@pytest.mark.filterwarnings("ignore:.*exists and is not empty")
def test_stopped_by_max_steps(stop, straight, tmp_path):
    fit(stop, tmp_path / "first", StepCheckpoint(dirpath=str(tmp_path / "kept")), data=Tiny(batch_size=8))
    again = StepCheckpoint(dirpath=str(tmp_path / "kept"))
    fit(STEPS, tmp_path / "parts", again, data=Tiny(batch_size=8), ckpt_path=tmp_path / "kept/last.ckpt")
    assert_same_end(straight(), stop, tmp_path / "parts")


@pytest.mark.parametrize("limit", [{"max_steps": 5}, {"max_steps": 7}, {"max_epochs": 2}])
def test_saved_after_training(limit, straight, tmp_path):
    """Lightning's own way, with a plain loader: nothing is played twice."""
    trainer = Trainer(**{**QUIET, "max_epochs": -1, **limit}, enable_checkpointing=False, log_every_n_steps=4)
    torch.manual_seed(7)
    trainer.fit(model(), Tiny(batch_size=8))
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    fit(STEPS, tmp_path / "parts", data=Tiny(batch_size=8), ckpt_path=tmp_path / "after.ckpt")
    assert_same_end(straight(), trainer.global_step, tmp_path / "parts")


class Interrupt(Callback):
    """Ctrl-C at the end of a step."""

    def __init__(self, stop):
        self.stop = stop

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.stop:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("stop", [4, 5, 6])
@pytest.mark.filterwarnings("ignore:.*exists and is not empty")
def test_stopped_by_an_interrupt(stop, straight, tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    kept, again = (StepCheckpoint(dirpath=str(tmp_path / "kept")) for _ in range(2))
    with pytest.raises(SystemExit):
        fit(STEPS, tmp_path / "never", Interrupt(stop), kept, data=Tiny(batch_size=8))
    signal.signal(signal.SIGINT, handler)
    fit(STEPS, tmp_path / "parts", again, data=Tiny(batch_size=8), ckpt_path=tmp_path / "kept/last.ckpt")
    assert_same_end(straight(), stop, tmp_path / "parts")


def killed(moment, folder):
    """Train in a process of its own that dies by SIGKILL at a moment of the fourth time that it saves."""

    def die_at(original, last_call):
        calls = []

        def function(*args, **kwargs):
            calls.append(None)
            if len(calls) == last_call:
                if moment == "half written":
                    args[1].write(b"PK")  # the beginning of an archive
                    args[1].flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return function

    def train():
        if moment == "renamed":
            writing._settle = die_at(writing._settle, 4)
        elif moment == "written":
            writing.os = SimpleNamespace(**vars(os) | {"fsync": die_at(os.fsync, 7)})
        else:
            writing.torch = SimpleNamespace(save=die_at(torch.save, 4))
        fit(
            STEPS,
            folder / "never",
            StepCheckpoint(dirpath=str(folder / "kept"), every_n_steps=1),
            data=Tiny(batch_size=8),
        )

    child = multiprocessing.get_context("fork").Process(target=train)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(("moment", "stop"), [("half written", 3), ("written", 3), ("renamed", 4)])
@pytest.mark.filterwarnings("ignore:.*exists and is not empty")
def test_killed_while_saving(moment, stop, straight, tmp_path):
    killed(moment, tmp_path)
    last = tmp_path / "kept/last.ckpt"
    assert torch.load(last, weights_only=True)["lightning_gans"]["step"] == stop
    assert len(list((tmp_path / "kept").glob(".*.unfinished"))) == (moment != "renamed")
    again = StepCheckpoint(dirpath=str(tmp_path / "kept"))
    fit(STEPS, tmp_path / "parts", again, data=Tiny(batch_size=8), ckpt_path=last)
    assert_same_end(straight(), stop, tmp_path / "parts")
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["last.ckpt"]


class Jittered(TensorDataset):
    """A user's own data set, augmented with torch's global generator."""

    def __getitem__(self, index):
        return (super().__getitem__(index)[0] + 0.01 * torch.rand(()),)


def own_loader(workers=0):
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 1.9 - 1
    return DataLoader(Jittered(images), batch_size=8, shuffle=True, drop_last=True, num_workers=workers)


@pytest.fixture(scope="module", params=few([0, 2], [0]))
def plainly(request, tmp_path_factory):
    """The number of workers of a plain loader, and a run with it as in ``straight``."""
    folder = tmp_path_factory.mktemp("plainly")
    fit(STEPS, folder / "end", Saved(folder), data=own_loader(request.param))
    return request.param, folder


@pytest.mark.parametrize("stop", few([5, 10], [5]))
def test_a_plain_loader_is_exact_between_epochs(stop, plainly, tmp_path):
    workers, folder = plainly
    fit(STEPS, tmp_path / "parts", data=own_loader(workers), ckpt_path=folder / f"{stop}.ckpt")
    assert_same_end(folder, stop, tmp_path / "parts")


def test_a_plain_loader_that_starts_over_is_named(plainly, tmp_path):
    workers, folder = plainly
    line = "resumed after step 7, inside an epoch, and this loader starts its data over"
    with pytest.warns(LightningGANsWarning, match=line) as told:
        fit(STEPS, tmp_path / "parts", data=own_loader(workers), ckpt_path=folder / "7.ckpt")
    assert len([warning for warning in told if warning.category is LightningGANsWarning]) == 1
    with pytest.raises(AssertionError):
        assert_same_end(folder, 7, tmp_path / "parts")
