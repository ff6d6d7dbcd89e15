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

from lightning_gans import GAN
from lightning_gans.callbacks import StepCheckpoint, writing
from lightning_gans.data.augmentation import RandomFlip
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.errors import LightningGANsWarning

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
        self.seen[self.step] = batch[0].double().sum().item()
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
    game = Recorded(
        generator, discriminator, latent_dim=4, n_critic=3, ema_decay=0.9, discriminator_clip=0.5, **schedulers
    )
    game.seen = {}
    return game


class Final(Callback):
    """Writes down what a run ends with: its whole state, what it saw, and its next samples."""

    def __init__(self, path):
        self.path = path

    def on_train_end(self, trainer, pl_module):
        content = trainer._checkpoint_connector.dump_checkpoint(False)
        kept = {name: content[name] for name in ("state_dict", "optimizer_states", "lr_schedulers", "game", "epoch")}
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


def assert_same_end(folder, resumed_at, name, processes=1):
    for rank in range(processes):
        whole, parts = (torch.load(folder / f"{run}.{rank}", weights_only=True) for run in ("whole", name))
        whole["seen"] = {step: seen for step, seen in whole["seen"].items() if step >= resumed_at}
        assert_equal(whole, parts, f"stopped after {resumed_at}, process {rank}")


@pytest.mark.parametrize(("processes", "workers"), [(1, 0), (1, 2), (2, 0), (2, 2)])
def test_stopped_after_any_round(processes, workers, tmp_path):
    settings = {"batch_size": 8 // processes, "num_workers": workers}
    fit(STEPS, tmp_path / "whole", Saved(tmp_path), data=Tiny(**settings), processes=processes)
    every = range(1, STEPS) if (processes, workers) == (1, 0) else (4, 5, 10)
    for stop in every:
        path = tmp_path / f"{stop}.ckpt"
        fit(STEPS, tmp_path / "parts", data=Tiny(**settings), ckpt_path=path, processes=processes)
        assert_same_end(tmp_path, stop, "parts", processes)


@pytest.mark.parametrize("stop", [3, 4, 5, 10])
@pytest.mark.filterwarnings("ignore:.*exists and is not empty")
def test_stopped_by_max_steps(stop, tmp_path):
    fit(STEPS, tmp_path / "whole", data=Tiny(batch_size=8))
    fit(stop, tmp_path / "first", StepCheckpoint(dirpath=str(tmp_path / "kept")), data=Tiny(batch_size=8))
    again = StepCheckpoint(dirpath=str(tmp_path / "kept"))
    fit(STEPS, tmp_path / "parts", again, data=Tiny(batch_size=8), ckpt_path=tmp_path / "kept/last.ckpt")
    assert_same_end(tmp_path, stop, "parts")


@pytest.mark.parametrize("limit", [{"max_steps": 5}, {"max_steps": 7}, {"max_epochs": 2}])
def test_saved_after_training(limit, tmp_path):
    """Lightning's own way, with a plain loader: nothing is played twice."""
    fit(STEPS, tmp_path / "whole", data=Tiny(batch_size=8))
    trainer = Trainer(**{**QUIET, "max_epochs": -1, **limit}, enable_checkpointing=False, log_every_n_steps=4)
    torch.manual_seed(7)
    trainer.fit(model(), Tiny(batch_size=8))
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    fit(STEPS, tmp_path / "parts", data=Tiny(batch_size=8), ckpt_path=tmp_path / "after.ckpt")
    assert_same_end(tmp_path, trainer.global_step, "parts")


class Interrupt(Callback):
    """Ctrl-C at the end of a step."""

    def __init__(self, stop):
        self.stop = stop

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.stop:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("stop", [4, 5, 6])
@pytest.mark.filterwarnings("ignore:.*exists and is not empty")
def test_stopped_by_an_interrupt(stop, tmp_path):
    fit(STEPS, tmp_path / "whole", data=Tiny(batch_size=8))
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        fit(
            STEPS,
            tmp_path / "never",
            Interrupt(stop),
            StepCheckpoint(dirpath=str(tmp_path / "kept")),
            data=Tiny(batch_size=8),
        )
    signal.signal(signal.SIGINT, handler)
    again = StepCheckpoint(dirpath=str(tmp_path / "kept"))
    fit(STEPS, tmp_path / "parts", again, data=Tiny(batch_size=8), ckpt_path=tmp_path / "kept/last.ckpt")
    assert_same_end(tmp_path, stop, "parts")


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
def test_killed_while_saving(moment, stop, tmp_path):
    killed(moment, tmp_path)
    last = tmp_path / "kept/last.ckpt"
    assert torch.load(last, weights_only=True)["game"]["step"] == stop
    assert len(list((tmp_path / "kept").glob(".*"))) == (moment != "renamed")
    fit(STEPS, tmp_path / "whole", data=Tiny(batch_size=8))
    fit(
        STEPS,
        tmp_path / "parts",
        StepCheckpoint(dirpath=str(tmp_path / "kept")),
        data=Tiny(batch_size=8),
        ckpt_path=last,
    )
    assert_same_end(tmp_path, stop, "parts")
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["last.ckpt"]


class Jittered(TensorDataset):
    """A user's own data set, augmented with torch's global generator."""

    def __getitem__(self, index):
        return (super().__getitem__(index)[0] + 0.01 * torch.rand(()),)


def own_loader(workers=0):
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 1.9 - 1
    return DataLoader(Jittered(images), batch_size=8, shuffle=True, drop_last=True, num_workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_is_exact_between_epochs(workers, tmp_path):
    fit(STEPS, tmp_path / "whole", Saved(tmp_path), data=own_loader(workers))
    for stop in (5, 10):
        fit(STEPS, tmp_path / "parts", data=own_loader(workers), ckpt_path=tmp_path / f"{stop}.ckpt")
        assert_same_end(tmp_path, stop, "parts")


def test_a_plain_loader_that_starts_over_is_named(tmp_path):
    fit(STEPS, tmp_path / "whole", Saved(tmp_path), data=own_loader())
    with pytest.warns(
        LightningGANsWarning, match="resumed after step 7, inside an epoch, and this loader starts its data over"
    ) as told:
        fit(STEPS, tmp_path / "parts", data=own_loader(), ckpt_path=tmp_path / "7.ckpt")
    assert len([warning for warning in told if warning.category is LightningGANsWarning]) == 1
    with pytest.raises(AssertionError):
        assert_same_end(tmp_path, 7, "parts")
