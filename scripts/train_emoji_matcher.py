r"""Train the matcher of ``CaptionedEmoji``: a ``JointEmbedding`` of the embedded emoji's names and tags.

    python scripts/train_emoji_matcher.py --output lightning_gans/data/assets/emoji/matcher.safetensors

It learns from the training parts of three styles in color, and is tested on what ``Emoji`` holds out: whether the own
caption is the first, or among the first five, of 100. About five minutes on one thread; stored in half precision.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from lightning_gans.data.captioned import captions_of
from lightning_gans.data.emoji_images import Split, Style, load_emoji, rows_of, shrink
from lightning_gans.evaluation.metrics import RPrecision
from lightning_gans.images import from_uint8
from lightning_gans.text import JointEmbedding

STYLES: tuple[Style, ...] = ("openmoji", "noto", "twemoji")
SIDE = 32


def captioned(style: Style, split: Split) -> tuple[Tensor, list[list[str]]]:
    """The emoji of a part in a style, uint8 (N, 3, 32, 32), and the captions of each."""
    images, records = load_emoji(style)
    rows = rows_of(records, split)
    return shrink(images[rows], SIDE), [captions_of(records[row]) for row in rows.tolist()]


def r_precision(matcher: JointEmbedding, split: Split, place: int) -> dict[str, float]:
    """That of the real images of OpenMoji, by their names, 0, or by the last of their captions, -1."""
    images, captions = captioned("openmoji", split)
    said, pictures = [each[place] for each in captions], images.float() / 255
    metric = RPrecision(matcher, said)
    metric.update(pictures, pictures, said)
    return {name: round(float(value), 4) for name, value in metric.compute().items() if not name.endswith("_real")}


def main() -> None:
    """Train, test, write the file with the figures inside."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    parts = [captioned(style, "train") for style in STYLES]
    images = torch.cat([pictures for pictures, _ in parts])
    matcher = JointEmbedding(steps=options.steps)
    captions = [own for _, each in parts for own in each]
    matcher.fit(captions, lambda rows: from_uint8(images[list(rows)]), options.seed)
    facts = {
        f"{split}_{what}": r_precision(matcher, split, place)
        for split in ("train", "test")
        for what, place in (("name", 0), ("tags", -1))
    }
    matcher.save(options.output, {"styles": STYLES, "seed": options.seed, "steps": options.steps, **facts}, torch.half)
    print(facts, f"wrote {options.output}")


if __name__ == "__main__":
    main()
