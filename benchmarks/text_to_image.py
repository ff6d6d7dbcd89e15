"""Whether images of sentences show what these say, beside what asks for less, and what embedding costs.

    python benchmarks/text_to_image.py measure [--data scenes1|scenes2|scenes1_64|scenes2_64|emoji] CHECKPOINT ...
    python benchmarks/text_to_image.py embed
    python benchmarks/text_to_image.py read
    python benchmarks/text_to_image.py new_pairs [--seed N] [--pairs_per_step N] [--components N]

``measure``: figures of what held-out captions become, through the evaluator that a run is measured with; the first row
is of the held-out images themselves, the ceiling; figures that end in ``shuffled`` compare with other captions' images,
which is chance; of emoji the dominant hue is also one of six. Of a StackGAN a row for either stage; a class-conditional
model is given the labels of the captions, where there are some; ``--truncation`` bounds latents. ``embed``: seconds for
10,000 distinct captions, one thread; the second encoder is the shipped matcher of emoji. ``read``: what a linear
classifier reads from embeddings of captions of ``Scenes``, and of those alone that have a pair of color and shape which
no training caption has.
``new_pairs``: what a network of two hidden layers reads of the two objects' shapes and colors from embeddings learned
upon MiniLM, where the object's pair is in no training caption: mean and standard deviation of four such networks.
"""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from lightning_gans import StackGAN
from lightning_gans.batch import Condition
from lightning_gans.cli.runs import load_model
from lightning_gans.data import CaptionedEmoji, Scenes
from lightning_gans.data.captioned import emoji_matcher
from lightning_gans.data.captions import CaptionedData
from lightning_gans.data.scenes import COLORS, HELD_OUT, SHAPES, parse
from lightning_gans.engine import TextModel
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.metrics import DominantHue, SlicedWasserstein
from lightning_gans.evaluation.sources import DatasetSource, ImageSource, TranslatedSource
from lightning_gans.text import JointEmbedding, SentenceEncoder, TextEncoder

DATA: dict[str, Callable[[TextEncoder], CaptionedData]] = {
    "scenes1": lambda encoder: Scenes(num_objects=1, text_encoder=encoder),
    "scenes2": lambda encoder: Scenes(text_encoder=encoder),
    "scenes1_64": lambda encoder: Scenes(num_objects=1, image_size=64, text_encoder=encoder),
    "scenes2_64": lambda encoder: Scenes(image_size=64, text_encoder=encoder),
    "emoji": lambda encoder: CaptionedEmoji(image_size=32, text_encoder=encoder),
}

Said = tuple[list[str], dict[str, list[str]]]
"""Captions, and what they say by attribute."""


class Real:
    """Instead of what captions become, the images that have them."""

    def __init__(self, dataset: Dataset[object]) -> None:
        self.source = DatasetSource(dataset)

    def generate(
        self, condition: Condition, *, n: int, seed: int = 0, start: int = 0, ema: bool = True
    ) -> torch.Tensor:
        """Images (n, C, H, W), uint8."""
        return self.source.images(start, start + n)


def rows(options: argparse.Namespace) -> Iterator[tuple[str, Any, CaptionedData]]:
    """What is measured: its name, what generates, and the data, whose captions each model's own encoder reads."""
    for number, path in enumerate(options.checkpoint):
        model: Any = load_model(path, "cpu")
        data = DATA[options.data]((model.text_encoder if isinstance(model, TextModel) else None) or SentenceEncoder())
        if number == 0:
            yield "real", Real(data.test_dataset), data
        shown = model
        if options.truncation is not None:
            shown = SimpleNamespace(generate=partial(model.generate, truncation=options.truncation))
        if not isinstance(model, StackGAN):
            yield path, shown, data
            continue
        # Batch norm is estimated here, in the stage that is reached, for both.
        network: Any = model.inference_network("generator", ema=True, truncation=options.truncation)
        for stage in (1, 2):
            network.stage.fill_(stage)
            yield f"{path}, stage {stage}", shown, data


def measure(options: argparse.Namespace) -> None:
    """Print the table."""
    shown: list[str] = []
    for name, model, data in rows(options):
        extractor = data.features()
        assert extractor is not None
        evaluator = Evaluator(extractor, extra_metrics=data.metrics() | {"swd": SlicedWasserstein()})
        fake = TranslatedSource(model, data.test_dataset)
        values = evaluator.evaluate(fake, DatasetSource(data.reference_dataset)).values
        if not shown:
            shown = [each for each in values if each.startswith(("fid", "swd")) or not each.endswith(extractor.name)]
            print(f"{type(data).__name__}\n\n| | " + " | ".join(shown) + " |\n" + "|---" * (len(shown) + 1) + "|")
        print(f"| {name} | " + " | ".join(f"{values.get(each, math.nan):.4g}" for each in shown) + " |", flush=True)
        if isinstance(data, CaptionedEmoji):
            print(f"  of six hues: {of_six_hues(fake, DatasetSource(data.test_dataset))}", flush=True)


def of_six_hues(fake: ImageSource, real: DatasetSource) -> str:
    """How often the main color is right, of red, yellow, green, cyan, blue and magenta; own and shuffled."""
    metric = DominantHue(num_bins=6)
    shown, wanted = (source.images(0, len(real)).float() / 255 for source in (fake, real))
    metric.update(shown, wanted)
    return ", ".join(f"{name} {value:.3f}" for name, value in metric.compute().items())


def embed(options: argparse.Namespace) -> None:
    """Print seconds of both encoders."""
    words = [f"{size} {color} {shape} number {n}" for n in range(1250) for size in ("small", "large")
             for color in ("red", "blue") for shape in ("circle", "cross")]  # fmt: skip
    for encoder in (SentenceEncoder(), emoji_matcher()):
        encoder(words[:8])
        begin = time.process_time()
        encoder(words)
        print(f"{type(encoder).__name__}: {time.process_time() - begin:.1f} CPU s for {len(words):,} captions")


def read(options: argparse.Namespace) -> None:
    """Print the share of test captions of which a linear classifier, of training captions, reads each attribute."""
    encoders: list[Callable[[], TextEncoder]] = [
        SentenceEncoder,
        JointEmbedding,
        lambda: JointEmbedding(backbone=SentenceEncoder(parts=2)),
    ]
    for objects, make in itertools.product((1, 2), encoders):
        data = Scenes(num_objects=objects, text_encoder=(encoder := make()))
        data.setup()
        told = str(encoder.provenance().get("backbone", ""))
        # Every other test scene has a new pair: pairs of scenes, not scenes, take turns in their wordings.
        for wording, choice in (("all wordings", lambda i, n: i // 2 % n), ("the first", lambda i, n: 0)):
            trained, asked = (_named(part, count, choice) for part, count in
                              ((data.train_dataset, 4000), (data.test_dataset, 1000)))  # fmt: skip
            right = {name: _read(encoder, trained, asked, name) for name in asked[1]}
            line = ", ".join(
                f"{name} {float(each.mean()):.3f} ({float(each[data.held_out].mean()):.3f})"
                for name, each in right.items()
            )
            print(f"{objects} objects, {type(encoder).__name__} {told}, {wording} (new pairs): {line}", flush=True)


def new_pairs(options: argparse.Namespace) -> None:
    """Print how often shape and color of new pairs are read from one encoder's embeddings, over four networks."""
    backbone = SentenceEncoder(parts=2)
    encoder = JointEmbedding(backbone=backbone, pairs_per_step=options.pairs_per_step, components=options.components)
    data = Scenes(text_encoder=encoder, seed=options.seed)
    data.setup()
    trained, asked = (
        _named(part, count, lambda i, n: i // 2 % n)[0]
        for part, count in ((data.train_dataset, 10_000), (data.test_dataset, 1_000))
    )
    x, y = encoder.embed_all(trained), _looks(trained)
    x_test, y_test = encoder.embed_all(asked), _looks(asked)
    pairs = [[(thing.color, thing.shape) in HELD_OUT for thing in parse(caption).things] for caption in asked]
    new = torch.tensor(pairs).repeat_interleave(2, 1)  # (N, 4)
    shares = []
    for seed in range(4):
        right = (_network(x, y, seed)(x_test).unflatten(1, (4, -1)).argmax(2) == y_test).float()
        shares.append((right * new).view(-1, 2, 2).sum((0, 1)) / new.view(-1, 2, 2).sum((0, 1)))
    mean, deviation = torch.stack(shares).mean(0).tolist(), torch.stack(shares).std(0).tolist()
    told = f"seed {options.seed}, {encoder.pairs_per_step} pairs a step, {encoder.components} components"
    shown = [f"{name} {m:.3f} ({d:.3f})" for name, m, d in zip(("shape", "color"), mean, deviation, strict=True)]
    print(f"{told}: of new pairs {', '.join(shown)}", flush=True)


def _looks(captions: list[str]) -> torch.Tensor:
    """Numbers of the first object's shape and color, then of the second one's: (N, 4)."""
    things = [parse(caption).things for caption in captions]
    return torch.tensor([[n for t in two for n in (SHAPES.index(t.shape), COLORS.index(t.color))] for two in things])


def _network(x: torch.Tensor, y: torch.Tensor, seed: int) -> nn.Module:
    """Trained to read numbers (N, K) from embeddings (N, E); logits (N, K x 6), of which shapes use four."""
    torch.manual_seed(seed)
    layers = [nn.Linear(x.shape[1], 128), nn.LeakyReLU(0.2), nn.Linear(128, 256), nn.BatchNorm1d(256), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(256, y.shape[1] * len(COLORS)))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(1500):
        rows = torch.randint(len(x), (64,))
        logits = network(x[rows]).unflatten(1, (y.shape[1], -1))
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits.transpose(1, 2), y[rows]).backward()
        optimizer.step()
    return network.eval()


def _named(dataset: Dataset[object], count: int, choice: Callable[[int, int], int]) -> Said:
    """Captions that say all, and what they say, by attribute."""
    captions = []
    for index in range(count):
        whole = [text for text in dataset.captions(index) if all(thing.size for thing in parse(text).things)]  # type: ignore[attr-defined] # captioned
        captions.append(whole[choice(index, len(whole))])
    scenes = [parse(text) for text in captions]
    said = {} if scenes[0].relation is None else {"relation": [str(scene.relation) for scene in scenes]}
    for place in range(len(scenes[0].things)):
        for name in ("shape", "color", "size"):
            said[f"{name} {place + 1}"] = [str(getattr(scene.things[place], name)) for scene in scenes]
    return captions, said


def _read(encoder: TextEncoder, trained: Said, asked: Said, name: str) -> torch.Tensor:
    kinds = sorted(set(trained[1][name]))
    (x, y), (x_test, y_test) = (
        (_embedded(encoder, tuple(captions)), torch.tensor([kinds.index(kind) for kind in said[name]]))
        for captions, said in (trained, asked)
    )
    torch.manual_seed(0)
    linear = nn.Linear(encoder.text_dim, len(kinds))
    optimizer = torch.optim.Adam(linear.parameters(), 0.05)
    scale = x.std(0).mean()
    for _ in range(400):
        optimizer.zero_grad()
        nn.functional.cross_entropy(linear(x / scale), y).backward()
        optimizer.step()
    return (linear(x_test / scale).argmax(1) == y_test).float()


@lru_cache(maxsize=2)
def _embedded(encoder: TextEncoder, captions: tuple[str, ...]) -> torch.Tensor:
    return encoder(captions)


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    each = tasks.add_parser("measure")
    each.set_defaults(run=measure)
    each.add_argument("--data", choices=list(DATA), default="scenes2")
    each.add_argument("--truncation", type=float, help="largest absolute value of a latent's entries")
    each.add_argument("checkpoint", nargs="+")
    tasks.add_parser("embed").set_defaults(run=embed)
    tasks.add_parser("read").set_defaults(run=read)
    each = tasks.add_parser("new_pairs")
    each.set_defaults(run=new_pairs)
    each.add_argument("--seed", type=int, default=0)
    each.add_argument("--pairs_per_step", type=int, default=512)
    each.add_argument("--components", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.run(options)


if __name__ == "__main__":
    main()
