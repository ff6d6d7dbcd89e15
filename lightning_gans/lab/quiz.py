"""Which one is real? Embedded digits beside generated ones, and what the number of right answers says."""

import functools
import io
import math
import random
from pathlib import Path
from typing import NamedTuple

from PIL import Image

GENERATORS = {
    "vae": "VAE, 2,000 steps",
    "gan_500": "GAN, 500 steps",
    "gan_4000": "GAN, 4,000 steps",
}
"""Titles of those whose samples come with the package, by the names of their files; ``scripts/write_quiz.py``."""
SIDE = 8
"""Pixels of a digit along each side."""
COLUMNS = 10
"""Digits along each side of a file."""
_ASSETS = Path(__file__).parent / "assets"


class Question(NamedTuple):
    """Two images as PNG, and which of them is real: 0 or 1."""

    images: tuple[bytes, bytes]
    real: int


def ask(generator: str, chance: random.Random) -> Question:
    """A real digit and a generated one, in an order by chance."""
    real = chance.randrange(2)
    pair = [_tile(generator, chance.randrange(COLUMNS**2))]
    pair.insert(real, _tile("real", chance.randrange(COLUMNS**2)))
    return Question((pair[0], pair[1]), real)


def chance_of(right: int, asked: int) -> float:
    """The probability of so many right answers or more by guessing: the p-value of the visitor as a two-sample test.

    Example:
        >>> chance_of(0, 3), chance_of(3, 3)
        (1.0, 0.125)
    """
    return float(sum(math.comb(asked, count) for count in range(right, asked + 1)) / 2**asked)


@functools.cache
def _sheet(name: str) -> Image.Image:
    return Image.open(_ASSETS / f"quiz_{name}.png").convert("L")


def _tile(name: str, index: int) -> bytes:
    x, y = SIDE * (index % COLUMNS), SIDE * (index // COLUMNS)
    _sheet(name).crop((x, y, x + SIDE, y + SIDE)).save(file := io.BytesIO(), "PNG")
    return file.getvalue()
