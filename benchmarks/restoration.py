"""What enlarging and completing reach beside what needs no training, and what tiles cost.

    python benchmarks/restoration.py enlarge [--data emoji|cifar10|folder] [--root DIR] [--checkpoint FILE ...]
    python benchmarks/restoration.py complete [--data digits|mnist|emoji] [--root DIR] [--checkpoint FILE ...]
    python benchmarks/restoration.py photographs [--checkpoint FILE ...]
    python benchmarks/restoration.py tiles CHECKPOINT

``enlarge``: figures on held-out images four times as large as their sources, of nearest neighbors, bicubic and Lanczos
interpolation and of checkpoints. ``complete``: of images whose central half is missing, of the mean color of what is
known, of OpenCV's two methods (``pip install opencv-python-headless``) and of checkpoints. Both go through the
evaluator that a run is measured with. ``photographs``: the held-out photographs, whole, one by one; needs
scikit-image. ``tiles``: seconds and largest resident size of ``lightning_gans translate`` from 1500 x 1000 pixels, and
how far tiles are from the whole on a smaller image.
"""

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Subset
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from lightning_gans.cli.runs import load_model
from lightning_gans.data import (
    DegradedCIFAR10,
    DegradedEmoji,
    DegradedImages,
    ImageDataModule,
    MaskedDigits,
    MaskedEmoji,
    MaskedMNIST,
    Photographs,
)
from lightning_gans.data.degradations import shrink_bicubic
from lightning_gans.engine import Inpainter, Translator
from lightning_gans.engine.protocols import Translates
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import CIFAR10Features
from lightning_gans.evaluation.metrics import RestorationQuality
from lightning_gans.evaluation.sources import DatasetSource, TranslatedSource
from lightning_gans.images import from_uint8, to_uint8

SCALE, NUM_SAMPLES = 4, 2000
KINDS = ("_emoji", "_mnist", "_digits", "_cifar10")  # of figures of the extractors


class Resize(nn.Module):
    """Pillow's interpolation to images four times as large."""

    scale, overlap = SCALE, 8

    def __init__(self, method: Image.Resampling) -> None:
        super().__init__()
        self.method = method

    def forward(self, source: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C, 4 h, 4 w), in [-1, 1]."""
        images = [to_pil_image(each) for each in to_uint8(source)]
        larger = [image.resize((SCALE * image.width, SCALE * image.height), self.method) for image in images]
        return torch.stack([from_uint8(pil_to_tensor(image)) for image in larger])


class MeanColor(nn.Module):
    """The mean color of what is known of an image."""

    def forward(self, source: Tensor, mask: Tensor) -> Tensor:
        """(N, C, H, W)."""
        known = 1 - mask
        return ((source * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)).expand_as(source)


class OpenCV(nn.Module):
    """One of OpenCV's two: Bertalmio et al. 2001, or Telea 2004."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def forward(self, source: Tensor, mask: Tensor) -> Tensor:
        """(N, C, H, W)."""
        import cv2

        flag = {"navier_stokes": cv2.INPAINT_NS, "telea": cv2.INPAINT_TELEA}[self.method]
        made = []
        for image, hole in zip(to_uint8(source).permute(0, 2, 3, 1).numpy(), mask[:, 0].byte().numpy(), strict=True):
            filled = cv2.inpaint(np.ascontiguousarray(image), np.ascontiguousarray(hole), 3, flag)
            made.append(torch.from_numpy(filled.reshape(image.shape)).permute(2, 0, 1))
        return from_uint8(torch.stack(made))


def table(data: ImageDataModule, models: dict[str, Translates]) -> None:
    """Print the figures of models on what is held out of some data."""
    extractor = data.features()
    assert extractor is not None
    evaluators = [Evaluator(extractor, extra_metrics=data.metrics())]
    if extractor.name != "cifar10" and data.image_shape[0] == 3:
        evaluators.append(Evaluator(CIFAR10Features()))
    shown: list[str] = []
    for name, model in models.items():
        count = len(data.test_dataset)
        given = Subset(data.test_dataset, range(0, count, -(-count // NUM_SAMPLES)))  # MNIST's first are tidier
        fake, real = TranslatedSource(model, given), DatasetSource(data.reference_dataset)
        values: dict[str, float] = {}
        for evaluator in evaluators:
            values |= evaluator.evaluate(fake, real).values
        if not shown:
            shown = [each for each in values if each.startswith("fid_") or not each.endswith(KINDS)]
            shown = [each for each in shown if not each.startswith("swd_")]
            print(f"{type(data).__name__}\n\n| | " + " | ".join(shown) + " |\n" + "|---" * (len(shown) + 1) + "|")
        print(f"| {name} | " + " | ".join(f"{values.get(each, math.nan):.4g}" for each in shown) + " |", flush=True)


def interpolations() -> dict[str, Translates]:
    """Those that papers compare with."""
    methods = (Image.Resampling.NEAREST, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return {method.name.lower(): Translator(Resize(method)) for method in methods}


class _Folder(DegradedImages):
    """Images of 32 x 32 in a folder with ``train`` and ``test``, such as CIFAR-10's."""

    def features(self) -> CIFAR10Features:
        """The classifier of CIFAR-10."""
        return CIFAR10Features()


def enlarge(options: argparse.Namespace) -> None:
    """Print the table of one data set."""
    builders: dict[str, Callable[[], ImageDataModule]] = {
        "emoji": lambda: DegradedEmoji(style="noto", scale=SCALE),
        "cifar10": lambda: DegradedCIFAR10(root=options.root, scale=SCALE),
        "folder": lambda: _Folder(root=options.root, scale=SCALE, image_size=32),
    }
    table(builders[options.data](), interpolations() | loaded(options))


def complete(options: argparse.Namespace) -> None:
    """Print the table of one data set."""
    builders: dict[str, Callable[[], ImageDataModule]] = {
        "digits": MaskedDigits,
        "mnist": lambda: MaskedMNIST(root=options.root),
        "emoji": lambda: MaskedEmoji(style="noto"),
    }
    fillers = {"mean color": MeanColor(), **{name: OpenCV(name) for name in ("navier_stokes", "telea")}}
    table(builders[options.data](), {name: Inpainter(each) for name, each in fillers.items()} | loaded(options))


def photographs(options: argparse.Namespace) -> None:
    """Print the figures of each held-out photograph, in tiles."""
    print("| | photograph | psnr_y | ssim_y | psnr | ssim | sharpness |\n|---|---|---|---|---|---|---|")
    models = interpolations() | loaded(options)
    for file in Photographs().test_files:
        image = pil_to_tensor(Image.open(file).convert("RGB"))
        height, width = (side - side % SCALE for side in image.shape[1:])
        large = from_uint8(image[None, :, :height, :width])
        small = shrink_bicubic(large, SCALE)
        for name, model in models.items():
            metric = RestorationQuality(border=SCALE)
            made = model.translate(small)
            metric.update(from_uint8(to_uint8(made)) / 2 + 0.5, large / 2 + 0.5)
            values = metric.compute()
            figures = " | ".join(
                f"{float(values[each]):.4g}" for each in ("psnr_y", "ssim_y", "psnr", "ssim", "sharpness")
            )
            print(f"| {name} | {file.stem} | {figures} |", flush=True)
            if options.output is not None:
                to_pil_image(to_uint8(made)[0]).save(Path(options.output, f"{file.stem}_{Path(name).stem}.png"))


def tiles(options: argparse.Namespace) -> None:
    """Print what the command takes, and how exact it is."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((375, 250), (750, 500), (1500, 1000)):
            file = Path(folder, f"{width}.png")
            Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file)
            words = ["translate", options.checkpoint[0], str(file), "--output", f"{folder}/{width}", "--device", "cpu"]
            begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-m", "lightning_gans.cli", *words], check=True)
            seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peak = f"largest of all so far {after.ru_maxrss / 1024:.0f} MiB"
            print(f"{width} x {height}: {seconds:.0f} s, {used:.0f} CPU s, {peak}", flush=True)
        model = load_model(options.checkpoint[0], None)
        source = from_uint8(pil_to_tensor(Image.open(Path(folder, "375.png"))))[None]
        whole = to_uint8(model.translate(source))[0].int()  # type: ignore[attr-defined] # what enlarges translates
        made = pil_to_tensor(Image.open(Path(folder, "375", "375.png"))).int()
        print(f"tiles against the whole: at most {int((made - whole).abs().max())} levels of 255")


def loaded(options: argparse.Namespace) -> dict[str, Translates]:
    """Models of checkpoints, by their paths."""
    return {path: load_model(path, None) for path in options.checkpoint}  # type: ignore[misc] # translators


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    for task, names in (
        (enlarge, ["emoji", "cifar10", "folder"]),
        (complete, ["digits", "mnist", "emoji"]),
        (photographs, []),
    ):
        each = tasks.add_parser(task.__name__)
        each.set_defaults(run=task)
        each.add_argument("--data", choices=names, default=names[0] if names else None)
        each.add_argument("--root", default="data", help="folder of CIFAR-10 or MNIST")
        each.add_argument("--output", help="folder for photographs as they come out")
        each.add_argument("--checkpoint", nargs="*", default=[], help="files to measure too")
    each = tasks.add_parser("tiles")
    each.set_defaults(run=tiles)
    each.add_argument("checkpoint", nargs=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.run(options)


if __name__ == "__main__":
    main()
