"""What the engine costs and what it keeps: step times, compilation, bytes, processes, kills, memory.

    python benchmarks/engine.py                                   # step time of a few models against a plain loop
    python benchmarks/engine.py --rows wgan_gp,pix2pix [--repeats 5] [--smallest 50]
    python benchmarks/engine.py compile [--repeats 5]   # compiled networks against uncompiled ones
    python benchmarks/engine.py bytes                   # exchanged per step by two processes
    python benchmarks/engine.py processes               # two processes against one
    python benchmarks/engine.py kills   [--repeats 20]  # SIGKILL at random moments of a run that always saves
    python benchmarks/engine.py memory  [--steps 2000]  # growth of the process
    python benchmarks/engine.py all

Everything runs on the CPU and needs no data. The plain loops are those that the tests hold the models to
(``tests/models``): same networks, losses, optimizers, averages, batches and noise. Both train in turn in one process,
on one thread; numbers are medians of the pairs, in seconds of the processor, which other programs disturb less than
those of the clock.
"""

import argparse
import logging
import multiprocessing
import os
import random
import signal
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from step_time import ROWS, TYPICAL, engine, fit, step_times
from torch import Tensor, nn

from lightning_gans import GAN, WGANGP
from lightning_gans.callbacks import StepCheckpoint
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import BatchedDataset, ImageDataset, PointDataset
from lightning_gans.engine import fold_in
from lightning_gans.engine.migration import KEY
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator

DECAY = 0.999
SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01}}


class Synthetic(ImageDataModule):
    """Noise of any shape: what the engine costs does not depend on what is learned."""

    num_classes = None

    def __init__(self, shape: tuple[int, ...], count: int, batch_size: int) -> None:
        super().__init__(batch_size)
        self.image_shape, self.count = shape, count

    def load_train(self) -> BatchedDataset:
        """Noise, the same in every process."""
        generator = torch.Generator().manual_seed(0)
        if len(self.image_shape) == 1:
            points = torch.randn(self.count, *self.image_shape, generator=generator)
            return PointDataset(points, torch.zeros(self.count, dtype=torch.long))
        pixels = torch.randint(0, 256, (self.count, *self.image_shape), generator=generator)
        return ImageDataset(pixels.to(torch.uint8), None)


def mlp_game(compile: bool = False) -> GAN:
    """The small game: two hidden layers of 64 units for points in the plane."""
    torch.manual_seed(0)
    networks = MLPGenerator(16, (2,), (64, 64), tanh_output=False), MLPDiscriminator((2,), (64, 64))
    return GAN(*networks, optimization={"ema_decay": DECAY, "compile": compile})  # type: ignore[arg-type] # plain data


def dcgan_game(compile: bool = False) -> GAN:
    """The convolutional game: DCGAN for gray images of 28 x 28 pixels."""
    torch.manual_seed(0)
    networks = DCGANGenerator(64, (1, 28, 28), 32), DCGANDiscriminator((1, 28, 28), 32)
    return GAN(*networks, optimization={"ema_decay": DECAY, "compile": compile})  # type: ignore[arg-type] # plain data


JOBS: dict[str, tuple[Callable[..., GAN], LightningDataModule, int]] = {
    "MLP, hidden 64, batch 512": (mlp_game, Synthetic((2,), 512 * 50, 512), 400),
    "DCGAN 28x28, batch 64": (dcgan_game, Synthetic((1, 28, 28), 64 * 50, 64), 60),
}


def noise(step: int, player: int, n: int, size: int) -> Tensor:
    """Latents as a game draws them."""
    return torch.randn(n, size, generator=torch.Generator().manual_seed(fold_in(7, step, player, 0)))


def compilation(repeats: int) -> None:
    """Table 2: compiled networks against uncompiled ones."""
    print(f"{'':28}{'uncompiled':>12}{'compiled':>12}{'times':>8}{'first step':>14}")
    for name, (build, data, steps) in JOBS.items():
        start = time.perf_counter()
        fit(build(compile=True), data, 1)
        first = time.perf_counter() - start
        took = [(engine(build(), data, steps), engine(build(compile=True), data, steps)) for _ in range(repeats)]
        off, on = (1000 * statistics.median(column) for column in zip(*took, strict=True))
        print(f"{name:28}{off:9.3f} ms{on:9.3f} ms{on / off:7.2f}x{first:12.1f} s", flush=True)


class Naive(LightningModule):
    """The same game as Lightning's documentation writes it, which needs ``find_unused_parameters``."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = generator, discriminator

    def configure_optimizers(self) -> Any:
        """One each."""
        return [
            torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for net in (self.discriminator, self.generator)
        ]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Both updates, with toggled optimizers."""
        for optimizer, sign in zip(self.optimizers(), (1, -1), strict=True):
            self.toggle_optimizer(optimizer)
            loss = sign * self.discriminator(self.generator(noise(batch_idx, 0, len(batch[0]), 16))).mean()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.untoggle_optimizer(optimizer)


class Sent(Callback):
    """Counts what a process hands to ``all_reduce``, whether DDP's reducer does or the game."""

    def __init__(self, file: Path) -> None:
        self.file, self.bytes, self.original = file, 0, dist.all_reduce

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen."""
        if isinstance(pl_module, Naive):
            trainer.model.register_comm_hook(None, self.hook)  # type: ignore[union-attr] # DDP's wrapper, under ddp
        dist.all_reduce = self.all_reduce

    def all_reduce(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Count and reduce."""
        self.bytes += tensor.numel() * tensor.element_size()
        return self.original(tensor, *args, **kwargs)

    def hook(self, _: Any, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        """The same for a bucket of DDP."""
        self.all_reduce(bucket.buffer())
        future: Any = torch.futures.Future()
        future.set_result(bucket.buffer().div_(dist.get_world_size()))
        return future

    def on_train_end(self, trainer: Trainer, *_: Any) -> None:
        """Write down."""
        dist.all_reduce = self.original
        if trainer.is_global_zero:
            self.file.write_text(str(self.bytes))


def exchanged_bytes() -> None:
    """Table 3: bytes a step, two processes."""
    steps, data = 20, Synthetic((2,), 64 * 50, 32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bytes"
        spread: dict[str, Any] = {"devices": 2, "log_every_n_steps": 0}
        fit(mlp_game(), data, steps, Sent(file), strategy="ddp_fork", **spread)
        ours = int(file.read_text()) / steps
        game = mlp_game()
        naive_game = Naive(game.generator, game.discriminator)
        fit(naive_game, data, 2 * steps, Sent(file), strategy="ddp_fork_find_unused_parameters_true", **spread)
        naive = int(file.read_text()) / steps  # Lightning counts its two updates as two steps
    print(f"bytes a step: {ours:,.0f}; with find_unused_parameters {naive:,.0f}; ratio {ours / naive:.3f}")


class Weights(Callback):
    """Checks that all processes agree bit for bit, and keeps the weights."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare and write down."""
        mine = torch.cat([p.detach().flatten() for p in pl_module.parameters()])
        everyone = pl_module.all_gather(mine).reshape(-1, len(mine))  # type: ignore[union-attr] # of a tensor it is one
        if not all(torch.equal(everyone[0], other) for other in everyone):
            raise AssertionError("the processes differ")
        if trainer.is_global_zero:
            torch.save(mine, self.file)


def two_processes() -> None:
    """Table 4: two processes against one, WGAN-GP with five critic updates, SGD, same global batch, 25 steps."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("one", "two")]
        for file, spread in zip(files, ({}, {"strategy": "ddp_fork", "devices": 2}), strict=True):
            torch.manual_seed(0)
            networks = MLPGenerator(16, (2,), (64, 64), tanh_output=False), MLPDiscriminator((2,), (64, 64))
            learning: Any = {"n_critic": 5, "generator": SGD, "discriminator": SGD}
            game = WGANGP(*networks, optimization=learning)
            fit(game, Synthetic((2,), 64 * 50, 32 if spread else 64), 25, Weights(file), **spread)
        one, two = (torch.load(file) for file in files)
    print(f"two processes equal bit for bit; difference to one process {float((one - two).abs().max()):.1e}")


def kills(repeats: int) -> None:
    """Table 5: SIGKILL at random moments of a run that saves after every step."""
    steps, data = 10**6, Synthetic((2,), 64 * 50, 64)
    lost = []
    with tempfile.TemporaryDirectory() as folder:
        last, progress = Path(folder) / "last.ckpt", Path(folder) / "progress"

        class Progress(Callback):
            def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
                progress.write_text(str(trainer.global_step))

        def run() -> None:
            keep = StepCheckpoint(monitor=None, dirpath=folder, every_n_steps=1)
            fit(mlp_game(), data, steps, keep, Progress(), ckpt_path=last if last.exists() else None)

        for _ in range(repeats):
            before = progress.read_text() if progress.exists() else "0"
            child = multiprocessing.get_context("fork").Process(target=run)
            child.start()
            while not last.exists() or progress.read_text() in (before, ""):
                time.sleep(0.01)
            time.sleep(random.uniform(0.0, 0.3))
            os.kill(child.pid, signal.SIGKILL)  # type: ignore[arg-type] # it has started
            child.join()
            saved = torch.load(last, weights_only=True)[KEY]["step"]
            lost.append(int(progress.read_text() or saved) - saved)
    print(
        f"{repeats} kills in {saved} steps: every run resumed from a readable checkpoint, "
        f"at most {max(lost)} steps lost"
    )


def memory(steps: int) -> None:
    """Table 6: resident memory after a tenth of the steps and at the end."""
    sizes: dict[int, float] = {}

    class Resident(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step in (steps // 10, steps):
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                sizes[trainer.global_step] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    build, data, _ = JOBS["MLP, hidden 64, batch 512"]
    with tempfile.TemporaryDirectory() as folder:
        keep = StepCheckpoint(monitor=None, dirpath=folder, every_n_steps=100)
        fit(build(), data, steps, Resident(), keep, logger=CSVLogger(folder), log_every_n_steps=10)
    early, late = sizes.values()
    print(
        f"resident memory after {steps // 10} steps {early:.1f} MiB, after {steps} {late:.1f} MiB: "
        f"{late / early - 1:+.2%}"
    )


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tables_known = ["step", "compile", "bytes", "processes", "kills", "memory", "all"]
    parser.add_argument("table", choices=tables_known, nargs="?", default="step")
    parser.add_argument("--rows", default=",".join(TYPICAL), help=f"of the step table, out of {', '.join(ROWS)}")
    parser.add_argument("--smallest", type=float, default=50, help="ms that a step of a row takes at least")
    parser.add_argument("--repeats", type=int, help="5 timings, 20 kills")
    parser.add_argument("--steps", type=int, default=2000, help="of the memory table")
    options = parser.parse_args()
    rows = options.rows.split(",")
    if unknown := sorted(set(rows) - set(ROWS)):
        parser.error(f"--rows: no {', '.join(unknown)}; there are {', '.join(ROWS)}")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    tables: dict[str, Callable[[], None]] = {
        "step": lambda: step_times(rows, options.repeats or 5, options.smallest / 1000),
        "compile": lambda: compilation(options.repeats or 5),
        "bytes": exchanged_bytes,
        "processes": two_processes,
        "kills": lambda: kills(options.repeats or 20),
        "memory": lambda: memory(options.steps),
    }
    for name in tables if options.table == "all" else [options.table]:
        tables[name]()


if __name__ == "__main__":
    main()
