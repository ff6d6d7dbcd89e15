"""What translating costs in memory, and what can be had without a network, beside trained ones.

    python benchmarks/translation.py baselines [--checkpoint FILE ...]
    python benchmarks/translation.py digits [--checkpoint FILE ...]
    python benchmarks/translation.py memory [--counts 1000 10000]

``baselines``: figures on the held-out emoji, 64 x 64: of copying the outlines, of the mean color and the mean image of
the training emoji, and of checkpoints of ``fit --config pix2pix``. ``digits``: of ``UnpairedDigits``, white on black
and black on white, copying and checkpoints of other models. All go through the evaluator that a run is measured
with. ``memory``: how large ``lightning_gans translate`` grows at most on so many images of 32 x 32, with a small U-Net.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lightning_gans.cli.runs import load_model
from lightning_gans.data import EmojiPairs, UnpairedDigits
from lightning_gans.engine import Translator
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


class Copy(Translator):
    """Gives back what it is given, in both directions."""

    directions = dict.fromkeys(("AtoB", "BtoA"), "generator")

    def __init__(self, network: nn.Module | None = None) -> None:
        super().__init__(network or nn.Identity())


class Constant(nn.Module):
    """One image, (3, H, W) or (3, 1, 1) in [-1, 1], whatever the source."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, source: Tensor) -> Tensor:
        """That image for each."""
        return self.image.expand_as(source)


def baselines(checkpoints: list[str]) -> None:
    """Print the table."""
    data = EmojiPairs(image_size=64)
    train = from_uint8(data.train_dataset.images)
    models: dict[str, Translates] = {
        "copying": Copy(),
        "mean color": Copy(Constant(train.mean((0, 2, 3))[:, None, None])),
        "mean image": Copy(Constant(train.mean(0))),
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


def digits(checkpoints: list[str]) -> None:
    """Print the table of unpaired digits."""
    print("| | agreement_to_image | agreement_to_source | fid_colored_digits |\n|---|---|---|---|")
    for negative in (False, True):
        data = UnpairedDigits(negative=negative)
        models = {"copying": Copy(), **{path: load_model(path, None) for path in checkpoints}}
        evaluator = Evaluator(data.features(), extra_metrics=data.metrics())
        for name, model in models.items():
            fake = TranslatedSource(model, data.test_dataset, paired=False)
            values = evaluator.evaluate(fake, DatasetSource(data.reference_dataset)).values
            figures = ("agreement_to_image", "agreement_to_source", "fid_colored_digits")
            row = " | ".join(f"{values.get(figure, math.nan):.3g}" for figure in figures)
            print(f"| {name}, {'black on white' if negative else 'white on black'} | {row} |", flush=True)


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
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("baselines").add_argument("--checkpoint", nargs="*", default=[], help="files to measure too")
    tasks.add_parser("digits").add_argument("--checkpoint", nargs="*", default=[], help="files to measure too")
    tasks.add_parser("memory").add_argument("--counts", nargs="*", type=int, default=[1000, 10_000])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.task == "baselines":
        baselines(options.checkpoint)
    elif options.task == "digits":
        digits(options.checkpoint)
    else:
        memory(options.counts)


if __name__ == "__main__":
    main()
