"""Scenes of one or two colored shapes, drawn, whose captions can be checked exactly."""

import itertools
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.captions import CaptionedData, CaptionedDataset
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import ScenesFeatures
from lightning_gans.evaluation.metrics import AttributeAccuracy

SHAPES = ("circle", "square", "triangle", "cross")
COLORS = ("red", "yellow", "green", "blue", "purple", "black")
SIZES = ("small", "large")
RELATIONS = (None, "above", "left of")  # of the first object to the second; the first is the upper or the left one
HELD_OUT = frozenset((color, shape) for shape, color in zip(SHAPES, COLORS[1:], strict=False))
"""Pairs of color and shape that no training scene has, one of each shape."""

_RGB = torch.tensor([(220, 30, 30), (240, 200, 20), (30, 160, 60), (40, 70, 220), (150, 50, 170), (20, 20, 20)])
_RADII = torch.tensor([0.12, 0.2])  # of a circle, as parts of the image's side
_OPPOSITE = {"above": "below", "left of": "right of"}
_FILLER = frozenset(["a", "an", "the", "one", "there", "is", "that", "are", "and", "to"])
_KINDS = {word: kind for kind, words in (("shape", SHAPES), ("color", COLORS), ("size", SIZES)) for word in words}
_COUNTS = {"train": 10_000, "test": 1_000}
_AT_ONCE = 500  # scenes whose distances stay in the processor's cache

Split = Literal["train", "test"]


class Thing(NamedTuple):
    """One object of a scene, in words; no size where a caption names none."""

    shape: str
    color: str
    size: str | None = None

    def __str__(self) -> str:
        return " ".join(word for word in (self.size, self.color, self.shape) if word)


class Scene(NamedTuple):
    """One object, or two of which the first is ``relation`` the second: ``"above"`` or ``"left of"`` it."""

    things: tuple[Thing, ...]
    relation: str | None = None

    @classmethod
    def of(cls, attributes: Sequence[int]) -> "Scene":
        """The scene of a row of ``draw_attributes``."""
        relation, *rest = attributes
        things = [
            Thing(SHAPES[shape], COLORS[color], SIZES[size] if size >= 0 else None)
            for shape, color, size in (rest[:3], rest[3:])
            if shape >= 0
        ]
        return cls(tuple(things), RELATIONS[relation])

    def attributes(self) -> list[int]:
        """Its row, as of ``draw_attributes``; -1 for a size that is not named."""
        rows = [[SHAPES.index(t.shape), COLORS.index(t.color), _place(SIZES, t.size)] for t in self.things]
        return [RELATIONS.index(self.relation), *itertools.chain(*rows, *([[-1] * 3] * (2 - len(rows))))]

    def captions(self, both_orders: bool = True) -> list[str]:
        """Sentences that say it, the last without sizes; of two objects either first, or always the upper or left."""
        plain = [thing._replace(size=None) for thing in self.things]
        if self.relation is None:
            (thing,), (bare,) = self.things, plain
            return [f"a {thing}", f"there is a {bare} that is {thing.size}", f"a {bare}"]
        (first, second), back = self.things, _OPPOSITE[self.relation]
        said = [
            f"a {first} {self.relation} a {second}",
            f"a {second} {back} a {first}",
            f"a {plain[0]} {self.relation} a {plain[1]}",
            f"a {plain[1]} {back} a {plain[0]}",
        ]
        return said if both_orders else said[::2]

    @property
    def held_out(self) -> bool:
        """Whether no training scene has all of its colors and shapes together."""
        return any((thing.color, thing.shape) in HELD_OUT for thing in self.things)


def parse(caption: str) -> Scene:
    """The scene that a caption of ``Scenes`` says, or one of a user's in its words.

    Raises:
        ConfigError: It says no scene.

    Example:
        >>> parse("a small red circle below a blue square")
        Scene(things=(Thing(shape='square', color='blue', size=None), Thing(shape='circle', color='red', size='small')), relation='above')
    """  # noqa: E501 - doctest compares one line
    first, *rest = re.split(r"\b(above|below|left of|right of)\b", caption.lower())
    if not rest:
        return Scene((_thing(first, caption),))
    if len(rest) != 2:
        raise ConfigError("text", caption, "name one relation of two objects")
    relation, second = rest
    things = _thing(first, caption), _thing(second, caption)
    if relation in RELATIONS:
        return Scene(things, relation)
    return Scene(things[::-1], next(name for name, back in _OPPOSITE.items() if back == relation))


def _thing(words: str, caption: str) -> Thing:
    found: dict[str, str] = {}
    for word in re.findall(r"\w+", words):
        kind = _KINDS.get(word, "")
        if (kind == "" and word not in _FILLER) or kind in found:
            raise ConfigError("text", caption, f"{word!r} is no word, or one too many, of a scene's")
        if kind:
            found[kind] = word
    if not found.keys() >= {"shape", "color"}:
        choices = f"a color ({', '.join(COLORS)}) and a shape ({', '.join(SHAPES)})"
        raise ConfigError("text", caption, f"name {choices} of each object")
    return Thing(**found)


def _place(names: Sequence[str], name: str | None) -> int:
    return -1 if name is None else names.index(name)


def draw_attributes(split: Split, rows: Sequence[int], num_objects: int) -> Tensor:
    """What scenes show: int64 (N, 7), relation, then shape, color and size of the first and the second object.

    Numbers are places in ``RELATIONS``, ``SHAPES``, ``COLORS`` and ``SIZES``, -1 where there is no second object. A
    row is a function of its number and the part; every other one of the test part has a held-out pair.
    """
    uniform = augmentation_noise(_stream(split), 0, rows, 6)  # (N, 6)
    pairs = [(SHAPES.index(s), COLORS.index(c), (c, s) in HELD_OUT) for s in SHAPES for c in COLORS]
    seen, held_out = (torch.tensor([pair[:2] for pair in pairs if pair[2] is kept]) for kept in (False, True))
    odd = (torch.as_tensor(rows) % 2 == 1) & (split == "test")
    replaced = (uniform[:, 5] * num_objects).long()  # which object of an odd row is held out
    columns = [1 + (2 * uniform[:, 0]).long() if num_objects == 2 else torch.zeros(len(rows), dtype=torch.int64)]
    for number in range(2):
        if number == num_objects:
            columns += [torch.full_like(columns[0], -1)] * 3
            continue
        choice, size = uniform[:, 1 + 2 * number], uniform[:, 2 + 2 * number]
        chosen = torch.where((odd & (replaced == number))[:, None], _pick(held_out, choice), _pick(seen, choice))
        columns += [*chosen.unbind(1), (2 * size).long()]
    return torch.stack(columns, dim=1)


def _pick(table: Tensor, uniform: Tensor) -> Tensor:
    return table[(uniform * len(table)).long()]


def _stream(split: Split) -> int:
    return [*_COUNTS].index(split)


def draw(attributes: Tensor, uniform: Tensor, image_size: int) -> Tensor:
    """Antialiased drawings on white, uint8 (N, 3, image_size, image_size).

    Args:
        attributes: As of ``draw_attributes``, (N, 7).
        uniform: Numbers in [0, 1) that places and sizes follow, (N, 6).
        image_size: Height and width.
    """
    parts = zip(attributes.split(_AT_ONCE), uniform.float().split(_AT_ONCE), strict=True)
    return torch.cat([_draw(*part, image_size) for part in parts])


def _draw(attributes: Tensor, uniform: Tensor, image_size: int) -> Tensor:
    images = torch.full((len(attributes), 3, image_size, image_size), 255.0)
    for number, (looks, jitter) in enumerate(zip(attributes[:, 1:].split(3, 1), uniform.split(3, 1), strict=True)):
        centers = _centers(attributes[:, 0], number, jitter[:, :2])  # (N, 2), x and y
        radii = _RADII[looks[:, 2].clamp_min(0)] * (0.95 + 0.1 * jitter[:, 2])  # (N,)
        for kind in range(len(SHAPES)):
            rows = torch.nonzero(looks[:, 0] == kind).flatten()
            cover = _coverage(kind, centers[rows], radii[rows], image_size)[:, None]  # (M, 1, H, W)
            color = _RGB[looks[rows, 1]][..., None, None]
            images[rows] += cover * (color - images[rows])
    return images.round_().to(torch.uint8)


def _centers(relation: Tensor, number: int, jitter: Tensor) -> Tensor:
    """Places (N, 2) of the first or second object: two lie apart in one direction and may differ a little across."""
    along = torch.stack([relation == 2, relation == 1], dim=1)  # (N, 2), x and y
    apart = torch.where(along, 0.26 + 0.48 * number, 0.5)
    spread = torch.where(along, 0.03, 0.12) + 0.08 * (relation == 0)[:, None]
    return apart + spread * (2 * jitter - 1)


def _coverage(kind: int, centers: Tensor, radii: Tensor, side: int) -> Tensor:
    """The part of each pixel that a shape covers, (N, side, side), by its signed distance from the edge."""
    across, down = (torch.arange(side) + 0.5 - side * center[:, None] for center in centers.T)  # (N, side) each
    x, y, r = across.abs()[:, None], down[..., None], side * radii[:, None, None]
    if kind != 2:  # all but the triangle are the same upside down
        y = y.abs()
    if kind == 0:
        distance = (x.square() + y.square()).sqrt() - r
    elif kind == 1:
        distance = torch.maximum(x, y) - 0.86 * r
    elif kind == 2:  # its circle is larger, and lies a quarter lower
        large, low = 1.2 * r, y - 0.3 * r
        distance = torch.maximum(0.866 * x - 0.5 * low, low) - large / 2
    else:
        bars = torch.maximum(x - 0.35 * r, y - r), torch.maximum(x - r, y - 0.35 * r)
        distance = torch.minimum(*bars)
    covered: Tensor = 0.5 - distance
    return covered.clamp(0, 1)


class Scenes(CaptionedData):
    """One or two colored shapes on white with captions of what they are: 10,000 to learn from, 1,000 held out.

    A scene has four shapes, six colors and two sizes to choose from, and two objects one of four relations: ``"a small
    red circle above a large blue square"``. It can be said in other words, or without sizes. Four of the 24 pairs of
    color and shape are in no training scene; in every other one of the test part is such a pair (``held_out``), the
    others have none. Scene i of a part is the same whatever the seed.

    Batches are dicts: ``"image"``, ``"text"``, and of one object ``"label"``, all three attributes together.

    Args:
        num_objects: Of every scene: 1 or 2.
        image_size: Height and width: 32, 64 or another multiple of 32.
        both_orders: Whether captions also say *below* and *right of*, the lower or right object first.

    Attributes:
        classes: Of one object the classes' names, in the order of their labels.

    Raises:
        ConfigError: There are not so many objects, or they are too small to be told apart.
    """

    def __init__(self, num_objects: int = 2, image_size: int = 32, both_orders: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_objects not in (1, 2):
            raise ConfigError("num_objects", num_objects, "choose 1 or 2")
        if image_size < 32 or image_size % 32:
            raise ConfigError("image_size", image_size, "choose 32, below which shapes cannot be told apart, or 64")
        self.num_objects, self.image_size, self.both_orders = num_objects, image_size, both_orders
        self.image_shape = (3, image_size, image_size)
        looks = itertools.product(SHAPES, COLORS, SIZES) if num_objects == 1 else ()
        self.classes = [str(Thing(*look)) for look in looks]
        self.num_classes = len(self.classes) or None

    def load_train(self) -> CaptionedDataset:
        """The training scenes."""
        return self._part("train")

    def load_test(self) -> CaptionedDataset:
        """Those that are held out."""
        return self._part("test")

    def features(self) -> ScenesFeatures:
        """The judge of scenes, which comes with the package."""
        return ScenesFeatures()

    def metrics(self) -> dict[str, Metric]:
        """How often attributes are those of the captions, as the judge sees it."""
        return {"attributes": AttributeAccuracy(ScenesFeatures(), HELD_OUT)}

    @property
    def held_out(self) -> Tensor:
        """Whether a test scene has a pair of color and shape that no training scene has: bool (1000,)."""
        return torch.arange(_COUNTS["test"]) % 2 == 1

    def _part(self, split: Split) -> CaptionedDataset:
        rows = range(_COUNTS[split])
        attributes = draw_attributes(split, rows, self.num_objects)
        images = draw(attributes, augmentation_noise(_stream(split), 1, rows, 6), self.image_size)
        shape, color, size = attributes[:, 1:4].unbind(1)
        labels = (shape * len(COLORS) + color) * len(SIZES) + size
        captions = [Scene.of(row).captions(self.both_orders) for row in attributes.tolist()]
        return self.captioned(ImageDataset(images, labels if self.num_objects == 1 else None), captions)
