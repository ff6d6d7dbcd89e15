"""Figures of generators of faces and of cars, and what a step of five models of images costs.

    python benchmarks/stylegan.py measure [--data faces|folder] [--root DIR] CHECKPOINT ...
    python benchmarks/stylegan.py price [--model stylegan2|r3gan|fastgan|sagan|biggan] [--sizes 32 64 128 256]

``measure``: Frechet distance in random features and energy outside the real images' first 64 principal components, the
two that agree with the eye; the classifier's Frechet distance, precision and recall beside; and the same of one half of
the real images against the other. Of faces also how near 300 samples are to the training images, beside held-out ones,
and the distance in random features to the held-out ones, which copies of the training images do not shorten.
``folder``: images of 32 x 32 below a folder, such as CIFAR-10's automobiles.

``price``: seconds of the processor for a step of batch 4, averaged over 16, of which, for StyleGAN2, four have the path
length's penalty and one R1, and the process's peak memory, with one thread; each size in a process of its own.
"""

import argparse
import math
import resource
import subprocess
import sys
import time
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from lightning_gans import GAN, R3GAN, SAGAN, BigGAN, FastGAN, StyleGAN2
from lightning_gans.cli.runs import load_model
from lightning_gans.data import EmojiFaces, ImageFolder
from lightning_gans.data.base import ImageDataModule
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import CIFAR10Features, EmojiFeatures, FeatureExtractor, RandomFeatures
from lightning_gans.evaluation.metrics import ResidualEnergy
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource, ImageSource
from lightning_gans.networks import (
    BigGANGenerator,
    FastGANDiscriminator,
    FastGANGenerator,
    R3GANDiscriminator,
    R3GANGenerator,
    SAGANDiscriminator,
    SAGANGenerator,
    StyleDiscriminator,
    StyleGenerator,
)

NUM_SAMPLES = 2000
NUM_COMPARED = 300
GAMES = ("stylegan2", "r3gan", "r3gan_unpenalized", "fastgan", "sagan", "biggan")


def nearest(images: Tensor, known: Tensor) -> Tensor:
    """Of uint8 images (N, C, H, W) the root mean square of the levels to the nearest known one, or its mirror image."""
    both = torch.cat([known, known.flip(3)]).float().flatten(1)
    distances: Tensor = torch.cdist(images.float().flatten(1), both).min(1).values
    return distances / math.sqrt(both.shape[1])


def measure(options: argparse.Namespace) -> None:
    """Print a row a checkpoint."""
    data: ImageDataModule
    classifier: FeatureExtractor
    if options.data == "faces":
        data, classifier = EmojiFaces(), EmojiFeatures()
    else:
        data, classifier = ImageFolder(options.root, image_size=32), CIFAR10Features()
    data.setup("fit")
    real = DatasetSource(data.train_dataset)
    evaluators = [
        Evaluator(RandomFeatures(), extra_metrics={"energy": ResidualEnergy()}),
        Evaluator(classifier),
    ]
    half = len(real) // 2
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0)).tolist()
    halves = [DatasetSource(Subset(data.train_dataset, part)) for part in (order[:half], order[half : 2 * half])]
    shown: list[str] = []
    rows: list[tuple[str, ImageSource, ImageSource]] = [("one half of the real images", halves[0], halves[1])]
    models = {path: load_model(path, None) for path in options.checkpoint}
    rows += [(path, GeneratedSource(each, NUM_SAMPLES), real) for path, each in models.items()]  # type: ignore[arg-type]
    for name, fake, against in rows:
        values: dict[str, float] = {}
        for evaluator in evaluators:
            values |= evaluator.evaluate(fake, against).values
        wanted = ("fid_", "residual_energy", "precision_", "recall_", "perceptual")
        if not shown:
            shown = [each for each in values if each.startswith(wanted)]
            print("| | " + " | ".join(shown) + " |\n" + "|---" * (len(shown) + 1) + "|")
        print(f"| {name} | " + " | ".join(f"{values[each]:.4g}" for each in shown) + " |", flush=True)
    if options.data == "faces":
        copied(data, {name: fake for name, fake, _ in rows[1:]})


def copied(data: ImageDataModule, models: dict[str, ImageSource]) -> None:
    """Print how near samples are to the training images, beside images that are held out, and to these as a whole."""
    data.setup("test")
    train, test = DatasetSource(data.train_dataset), DatasetSource(data.test_dataset)
    known = train.images(0, len(train))
    new = nearest(test.images(0, len(test)), known)
    close = new.quantile(0.1)
    evaluator = Evaluator(RandomFeatures())
    print("\n| | nearest training image, median | nearer than 9 of 10 held-out images | fid_random to these |")
    print("|---|---|---|---|")
    print(f"| held out | {float(new.median()):.1f} | 0.10 | |")
    for name, source in {"training images": train, **models}.items():
        distance = evaluator.evaluate(source, test).values["fid_random"]
        found = nearest(source.images(0, NUM_COMPARED), known)
        share = float((found < close).float().mean())
        print(f"| {name} | {float(found.median()):.1f} | {share:.2f} | {distance:.3g} |", flush=True)


def price(options: argparse.Namespace) -> None:
    """Print a row a size."""
    print("| side | seconds a step | MiB |\n|---|---|---|")
    for size in options.sizes:
        subprocess.run([sys.executable, __file__, "one", options.model, str(size)], check=True)


def one(options: argparse.Namespace) -> None:
    """Sixteen steps of one size."""
    from lightning.pytorch import Trainer
    from torch.utils.data import DataLoader, TensorDataset

    side = options.side
    model = game(options.model, (3, side, side))
    images = torch.rand(4 * 64, 3, side, side) * 2 - 1
    quiet: Any = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    loader = DataLoader(
        TensorDataset(images), batch_size=4, collate_fn=lambda items: torch.stack([i[0] for i in items])
    )
    Trainer(max_steps=2, accelerator="cpu", **quiet).fit(model, loader)
    begin = time.process_time()
    Trainer(max_steps=16, accelerator="cpu", **quiet).fit(model, loader)
    seconds, peak = (time.process_time() - begin) / 16, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"| {side} | {seconds:.3f} | {peak / 1024:.0f} |", flush=True)


def game(name: str, shape: tuple[int, int, int]) -> GAN:
    """With 64 channels up to the last but two resolutions; FastGAN with its defaults, SAGAN and BigGAN with 8."""
    if name == "fastgan":
        return FastGAN(FastGANGenerator(shape), FastGANDiscriminator(shape))
    if name in ("sagan", "biggan"):
        narrow: Any = {"base_channels": 8, "attention": min(shape[1] // 2, 64)}
        chunks = shape[1].bit_length() - 2  # 4 for 32 x 32
        kind, generator = (SAGAN, SAGANGenerator) if name == "sagan" else (BigGAN, BigGANGenerator)
        return kind(
            generator(16 * chunks, shape, **narrow), SAGANDiscriminator(shape, **narrow), latent_dim=16 * chunks
        )
    widths: Any = {"channel_base": 16 * shape[1], "max_channels": 64}
    if name.startswith("r3gan"):
        gamma = 0.0 if name.endswith("unpenalized") else 1.0
        return R3GAN(R3GANGenerator(shape, **widths), R3GANDiscriminator(shape, **widths), gamma=gamma)
    return StyleGAN2(StyleGenerator(shape, **widths), StyleDiscriminator(shape, **widths))


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    each = tasks.add_parser("measure")
    each.set_defaults(run=measure)
    each.add_argument("--data", choices=["faces", "folder"], default="faces")
    each.add_argument("--root", default="data")
    each.add_argument("checkpoint", nargs="*")
    each = tasks.add_parser("price")
    each.set_defaults(run=price)
    each.add_argument("--model", choices=GAMES, default=GAMES[0])
    each.add_argument("--sizes", nargs="*", type=int, default=[32, 64, 128, 256])
    each = tasks.add_parser("one")
    each.set_defaults(run=one)
    each.add_argument("model", choices=GAMES)
    each.add_argument("side", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.run(options)


if __name__ == "__main__":
    main()
