"""What translating costs in memory, and what can be had without a network, beside trained ones.

    python benchmarks/translation.py baselines [--checkpoint FILE ...]
    python benchmarks/translation.py memory [--counts 1000 10000]

``baselines``: figures on the held-out emoji, 64 x 64: of copying the outlines, of the mean color and the mean image of
the training emoji, and of checkpoints of ``fit --config pix2pix``. All go through the evaluator that a run is measured
with. ``memory``: how large ``lightning_gans translate`` grows at most on so many images of 32 x 32, with a small U-Net.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lightning_gans.batch import Condition
from lightning_gans.cli.runs import load_model
from lightning_gans.data import EmojiPairs
from lightning_gans.engine.protocols import Translates
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.metrics import SlicedWasserstein
from lightning_gans.evaluation.sources import DatasetSource, TranslatedSource
from lightning_gans.images import from_uint8

FIGURES = (
    *("l1", "psnr", "ssim", "swd", "hue_entropy", "hue_entropy_target", "hue_tv", "fill_frechet"),
    *("fid_random", "fid_emoji", "precision_emoji", "recall_emoji"),
)
SMALL = [part for name in ("generator", "discriminator") for part in (f"--model.{name}.base_channels", "4")]


class Copy:
    """Gives the source back."""

    def generate(self, condition: Condition, *, n: int, seed: int = 0, start: int = 0, ema: bool = True) -> Tensor:
        """The sources."""
        assert condition.source is not None
        return condition.source

    def translate(self, images: Tensor, *, seed: int = 0, ema: bool = True) -> Tensor:
        """The images."""
        return self.generate(Condition(source=images), n=len(images), seed=seed, ema=ema)


class Constant(Copy):
    """Gives one image, (3, H, W) or (3, 1, 1) in [-1, 1], whatever the source."""

    def __init__(self, image: Tensor) -> None:
        self.image = image

    def generate(self, condition: Condition, *, n: int, seed: int = 0, start: int = 0, ema: bool = True) -> Tensor:
        """That image n times."""
        return self.image.expand_as(super().generate(condition, n=n))


def baselines(checkpoints: list[str]) -> None:
    """Print the table."""
    data = EmojiPairs(image_size=64)
    train = from_uint8(data.train_dataset.images)
    models: dict[str, Translates] = {
        "copying": Copy(),
        "mean color": Constant(train.mean((0, 2, 3))[:, None, None]),
        "mean image": Constant(train.mean(0)),
        **{path: load_model(path, None) for path in checkpoints},
    }
    metrics = data.metrics() | {"swd": SlicedWasserstein()}
    evaluators = [Evaluator(RandomFeatures()), Evaluator(data.features(), extra_metrics=metrics)]
    print("| | " + " | ".join(FIGURES) + " |\n" + "|---" * (len(FIGURES) + 1) + "|")
    for name, model in models.items():
        fake, real = TranslatedSource(model, data.test_dataset), DatasetSource(data.reference_dataset)
        values = {}
        for evaluator in evaluators:
            values |= evaluator.evaluate(fake, real).values
        print(f"| {name} | " + " | ".join(f"{values[figure]:.3g}" for figure in FIGURES) + " |", flush=True)


def memory(counts: list[int]) -> None:
    """Print the largest resident size of the command on so many images."""
    with tempfile.TemporaryDirectory() as folder:
        run = ["--trainer.max_steps", "1", "--data.batch_size", "4", "--trainer.default_root_dir", folder]
        quiet = ["--trainer.logger", "false", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]
        command("fit", "--config", "pix2pix", *SMALL, *run, *quiet)
        print("| images | peak MiB |\n|---|---|")
        for count in counts:
            images = Path(folder, str(count))
            images.mkdir()
            random = np.random.default_rng(0)
            for index in range(count):
                pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(images / f"{index:05d}.png")
            checkpoint, output = f"{folder}/checkpoints/last.ckpt", f"{folder}/out{count}"
            peak = command("translate", checkpoint, str(images), "--output", output, "--device", "cpu")
            print(f"| {count:,} | {peak / 1024:.0f} |", flush=True)


def command(*args: str) -> int:
    """Run ``lightning_gans`` on one thread; its largest resident size in KiB, as it reads it itself at the end."""
    code = "import sys; from lightning_gans.cli import main; main(); print(open('/proc/self/status').read())"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code, *args], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(args)} ended with code {done.returncode}")
    return int(done.stdout.rpartition("VmHWM:")[2].split()[0])


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("baselines").add_argument("--checkpoint", nargs="*", default=[], help="files to measure too")
    tasks.add_parser("memory").add_argument("--counts", nargs="*", type=int, default=[1000, 10_000])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.task == "baselines":
        baselines(options.checkpoint)
    else:
        memory(options.counts)


if __name__ == "__main__":
    main()
