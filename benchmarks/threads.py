"""What a second thread is worth: seconds of a discriminator's update by its work, calm and beside a busy process.

    python benchmarks/threads.py [--widths 8 16 32 64 128 256] [--repeats 5]

Plain torch: DCGAN's discriminator on 64 images of 8 x 8, one update with RMSprop, as in ``configs/wgan.yaml``. One and
all threads take turns; the medians of the ratios are printed. The busy process is a Python loop for each core but one.
``FLOPS_PER_THREAD`` in ``lightning_gans/callbacks/threads.py`` rests on this.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from lightning_gans.networks import DCGANDiscriminator


def update(width: int) -> tuple[int, Callable[[], None]]:
    """The operations of an update, and the update."""
    discriminator = DCGANDiscriminator((1, 8, 8), base_channels=width)
    optimizer = torch.optim.RMSprop(discriminator.parameters(), lr=5e-4)
    images = torch.rand(64, 1, 8, 8)

    def step() -> None:
        optimizer.zero_grad()
        (discriminator(images) - discriminator(-images)).mean().backward()
        optimizer.step()

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops(), step


def seconds(step: Callable[[], None], threads: int, at_least: float) -> float:
    """A step's, as a mean over some time."""
    torch.set_num_threads(threads)
    step()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < at_least:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def spin() -> None:
    """Another program that wants a core."""
    while True:
        pass


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    given = parser.parse_args()
    every = torch.get_num_threads()
    print(f"{every} threads, OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', '')}")
    print(f"| width | GFLOP | ms, 1 thread | ratio of {every} | ms, 1 thread, busy | ratio of {every}, busy |")
    print("|---|---|---|---|---|---|")
    for width in given.widths:
        flops, step = update(width)
        cells = [f"{width}", f"{flops / 1e9:.3g}"]
        for busy in (0, max(every - 1, 1)):
            others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(busy)]
            for other in others:
                other.start()
            pairs = [
                (seconds(step, 1, given.seconds), seconds(step, every, given.seconds)) for _ in range(given.repeats)
            ]
            for other in others:
                other.kill()
            cells.append(f"{1e3 * statistics.median(one for one, _ in pairs):.3g}")
            cells.append(f"{statistics.median(one / more for one, more in pairs):.2f}")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
