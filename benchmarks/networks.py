"""What two choices in the networks save on a CPU: the layout of DCGAN's weights, and how maps are doubled.

    python benchmarks/networks.py [--repeats 5]

One thread; medians of interleaved runs, in milliseconds of the processor for a forward and a backward pass.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator
from lightning_gans.networks.layers import UpsampledConv2d

GAMES = {"8 x 8, 32 channels, batch 64": (1, 8, 32, 64), "64 x 64, 32 channels, batch 16": (3, 64, 32, 16)}
"""Channels, side, base channels and batch."""
MAPS = ((512, 256, 4, 8), (512, 128, 8, 8), (256, 64, 16, 8), (128, 32, 32, 8), (32, 16, 32, 4))
"""Channels before and after, side and batch: those of a U-Net for 64 x 64, and of a small translator."""


def milliseconds(run: Callable[[], Tensor], passes: int = 10) -> float:
    """A forward and a backward pass, after two to get warm."""
    for number in range(passes + 2):
        if number == 2:
            start = time.process_time()
        run().backward()
    return 1000 * (time.process_time() - start) / passes


def compare(title: str, name: str, runs: dict[str, Callable[[], Tensor]], repeats: int) -> None:
    """A line: medians of both, and the first in terms of the second."""
    took = [[milliseconds(run) for run in runs.values()] for _ in range(repeats)]
    before, after = (statistics.median(column) for column in zip(*took, strict=True))
    one, other = runs
    print(f"{title} {name:32}{one} {before:7.1f} ms   {other} {after:7.1f} ms   {before / after:.2f}x", flush=True)


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, (channels, side, width, batch) in GAMES.items():
        runs: dict[str, Callable[[], Tensor]] = {}
        for layout in (torch.contiguous_format, torch.channels_last):
            generator = DCGANGenerator(32, (channels, side, side), width).to(memory_format=layout)
            discriminator = DCGANDiscriminator((channels, side, side), width).to(memory_format=layout)
            z = torch.randn(batch, 32)
            runs[str(layout).removeprefix("torch.")] = lambda g=generator, d=discriminator, z=z: d(g(z)).mean()
        compare("DCGAN", name, runs, repeats)
    for before, after, side, batch in MAPS:
        x = torch.randn(batch, before, side, side, requires_grad=True)
        apart = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1))
        in_one = UpsampledConv2d(before, after)
        runs = {"apart": lambda f=apart, x=x: f(x).sum(), "in one": lambda f=in_one, x=x: f(x).sum()}
        compare("doubled", f"{before} to {after} channels, {side} x {side}", runs, repeats)


if __name__ == "__main__":
    main()
