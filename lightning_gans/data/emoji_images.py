"""The embedded emoji: about 2,200 drawings of 64 x 64 pixels in up to four styles, with names, tags and groups.

Images and records without any framework: the datamodules are built on them. ``assets/emoji/LICENSES.md`` names the
authors and licenses; ``scripts/render_emoji.py`` made the files.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lightning_gans.errors import ConfigError

Split = Literal["train", "test"]
Style = Literal["openmoji", "outline", "noto", "twemoji"]

SIDE = 64  # height and width of a tile, in pixels
STYLES: tuple[Style, ...] = get_args(Style)
TEST_SHARE = 0.11  # of the bases; of the emoji it is 11% too

_NEUTRAL = "1F9D1"  # person
_REMOVED = {
    *(_NEUTRAL, "1F468", "1F469", "1F9D2", "1F466", "1F467", "1F9D3", "1F474", "1F475"),  # persons
    *("2640", "2642"),  # genders
    *("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"),  # skin tones
    *("200D", "FE0F"),  # joiner and picture selector, which only hold the others together
}
_FACING_RIGHT = "27A1"
_SAME_DRAWING = {
    # One code point for what others write as a person with something: the two drawings differ in the person alone.
    "1F46A": "",  # family
    "1F46B": "1F91D",  # woman and man, men, women holding hands: people, joined by a handshake
    "1F46C": "1F91D",
    "1F46D": "1F91D",
    "1F48F": "2764-1F48B",  # kiss: people, heart, kiss mark
    "1F491": "2764",  # couple with heart
    "1F385": "1F384",  # Santa Claus, Mrs. Claus: person, Christmas tree
    "1F936": "1F384",
    "1F934": "1FAC5",  # prince, princess: person with crown
    "1F478": "1FAC5",
    "1F930": "1FAC4",  # pregnant woman, man: person
    "1FAC3": "1FAC4",
    "1F57A": "1F483",  # man dancing: woman dancing
}


class Emoji(NamedTuple):
    """One emoji, whatever its styles.

    Attributes:
        codepoints: Hexadecimal, joined by ``-``, as OpenMoji writes them: ``"1F469-200D-1F680"``.
        name: Of Unicode's annotations, or of OpenMoji for its own emoji: ``"woman astronaut"``.
        tags: Further words for it, Unicode's before OpenMoji's.
        group: One of ten: ``"people-body"``, ``"food-drink"``, ``"extras-openmoji"``, ...
        subgroup: A part of the group: ``"person-role"``.
        base: What the split is decided by; variants of one emoji share it (see ``base_of``).
        tiles: The row of ``load_emoji(style)`` that shows it, by style; without the styles that lack it.
    """

    codepoints: str
    name: str
    tags: tuple[str, ...]
    group: str
    subgroup: str
    base: str
    tiles: Mapping[str, int]

    @property
    def split(self) -> Split:
        """The part of the data that it belongs to: a hash of its base, so variants never lie on both sides.

        ``"test"`` for 11% of the bases; the same in every style, on every machine and in every release.
        """
        number = int.from_bytes(hashlib.sha256(self.base.encode()).digest()[:8], "big")  # uniform below 2^64
        return "test" if number < TEST_SHARE * 2**64 else "train"


def base_of(codepoints: str) -> str:
    """The code points of an emoji without person, gender, skin tone and direction: equal for variants of a drawing.

    Hexadecimal, joined by ``-``; that of a neutral person where nothing else is left.

    Example:
        >>> base_of("1F469-200D-1F680"), base_of("1F468-1F3FD-200D-1F680")  # woman and man astronaut
        ('1F680', '1F680')
        >>> base_of("1F3C3-200D-2640-FE0F-200D-27A1-FE0F")  # woman running facing right
        '1F3C3'
        >>> base_of("1F468-200D-1F469-200D-1F466")  # family: man, woman, boy
        '1F9D1'
    """
    points = [point for point in codepoints.split("-") if point not in _REMOVED]
    if len(points) > 1 and points[-1] == _FACING_RIGHT:
        del points[-1]
    replaced = [_SAME_DRAWING.get(point, point) for point in points]
    return "-".join(point for point in replaced if point) or _NEUTRAL


@cache
def emoji_records() -> tuple[Emoji, ...]:
    """All emoji, about 2,200, in the order of Unicode's charts, OpenMoji's own after them."""
    listed = json.loads((files(__package__) / "assets" / "emoji" / "emoji.json").read_text(encoding="utf-8"))
    return tuple(Emoji(**{**entry, "tags": tuple(entry["tags"])}) for entry in listed)


@cache
def load_emoji(style: str) -> tuple[Tensor, tuple[Emoji, ...]]:
    """Every emoji that a style has, train and test, decoded once a process: images and their records.

    ``"openmoji"`` and ``"outline"`` hold the same emoji in the same rows, one drawing in color and as black lines.
    ``"noto"`` and ``"twemoji"`` hold fewer, likewise in the same rows, drawn independently.

    Images are uint8 (N, 3, 64, 64) in [0, 255] on white, not to be changed in place.

    Raises:
        ConfigError: No such style.
    """
    check_style("style", style)
    records = tuple(sorted((one for one in emoji_records() if style in one.tiles), key=lambda one: one.tiles[style]))
    with (files(__package__) / "assets" / "emoji" / f"{style}.webp").open("rb") as file, Image.open(file) as atlas:
        pixels = np.asarray(atlas.convert("RGB"))
    rows, columns = (size // SIDE for size in pixels.shape[:2])
    tiles = torch.from_numpy(pixels.copy()).view(rows, SIDE, columns, SIDE, 3).permute(0, 2, 4, 1, 3)
    images = tiles.reshape(rows * columns, 3, SIDE, SIDE)[: len(records)]  # (N, 3, 64, 64)
    return images.clone(), records


def check_style(name: str, style: str) -> None:
    """Refuse a setting that is no style."""
    if style not in STYLES:
        raise ConfigError(name, style, f"choose one of {', '.join(STYLES)}")


def rows_of(records: Sequence[Emoji], split: Split) -> Tensor:
    """The rows of the records of ``load_emoji`` that belong to a part of the data: int64 (M,), increasing."""
    return torch.tensor([row for row, one in enumerate(records) if one.split == split], dtype=torch.int64)


def shared_rows(first: str, second: str, split: Split) -> tuple[Tensor, Tensor]:
    """Rows of the emoji that two styles both have, pair by pair: int64 (M,) of ``load_emoji`` of the first and second.

    Raises:
        ConfigError: No such style.
    """
    check_style("style", second)
    _, records = load_emoji(first)
    both = [one for one in records if second in one.tiles and one.split == split]
    rows = torch.tensor([(one.tiles[first], one.tiles[second]) for one in both], dtype=torch.int64)  # (M, 2)
    return rows[:, 0], rows[:, 1]


def shrink(images: Tensor, side: int) -> Tensor:
    """Reduce uint8 images (N, C, H, H) to (N, C, side, side) by area averaging, rounded to the nearest level.

    Raises:
        ConfigError: The side does not divide the images' side.

    Example:
        >>> shrink(torch.tensor([[[[0, 255], [255, 255]]]], dtype=torch.uint8), 1)
        tensor([[[[191]]]], dtype=torch.uint8)
    """
    full = images.shape[-1]
    if side < 1 or full % side:
        raise ConfigError("side", side, f"choose a divisor of {full}, the images' side")
    if side == full:
        return images
    return torch.nn.functional.avg_pool2d(images.float(), full // side).round_().to(torch.uint8)
