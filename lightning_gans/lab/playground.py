"""A game on images whose networks are put together of blocks: its description, without torch."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import yaml

from lightning_gans.blocks import Shape, blocks_of
from lightning_gans.errors import ConfigError
from lightning_gans.lab.words import Words

Blocks = list[dict[str, Any]]
_ROLES = ("autoencoder", "encoder", "generator", "discriminator")
_STACKS = {
    "generator": "LayerStackGenerator",
    "discriminator": "LayerStackDiscriminator",
    "encoder": "LayerStackEncoder",
}
_WITH_BETAS, _WITH_MOMENTUM = ("Adam", "AdamW"), ("SGD", "RMSprop")
HAVE_MOMENTUM = (*_WITH_BETAS, *_WITH_MOMENTUM)
"""Optimizers."""
_WIDTH = 256  # of dense layers
_VALUES, _WEIGHTS = 2**16, 2**23  # that one block gives, and that a network has
_DEPTH = 16  # of the maps at full size; twice as many at half the side


@dataclass(frozen=True)
class ImageData:
    """Images to play on."""

    title: str
    words: Sequence[Any]
    shape: Sequence[int]
    classes: int


@dataclass(frozen=True)
class Recipe:
    """A game that is played on them."""

    title: str
    words: Sequence[Any]
    networks: Sequence[str]
    """Those that are put together."""
    classes: bool = False
    """Whether they are told the labels."""


@dataclass(frozen=True)
class Setup:
    """A game of the playground.

    Args:
        data: Name of one of ``data_sets``.
        recipe: Name of one of ``recipes()``.
        blocks: Of each network that is put together.
        settings: Further ones of ``fit``, by name; None for the recipe's own.
    """

    data: str
    recipe: str
    blocks: Mapping[str, Blocks]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: str, recipe: str, kind: str = "dense") -> Self:
        """With networks of one of ``KINDS``."""
        shape = tuple(data_sets()[data].shape)
        return cls(data, recipe, {role: KINDS[kind](role, shape) for role in recipes()[recipe].networks})

    @property
    def words(self) -> Words:
        """As ``fit`` takes them."""
        words = self._base
        for role, blocks in self.blocks.items():
            name = f"model.{role}"
            words = words.with_value(name, _STACKS[role]).with_value(f"{name}.blocks", blocks)
        for name in sorted(self.settings):  # a class before its arguments
            words = words.with_value(name, self.settings[name])
        return words

    @property
    def _base(self) -> Words:
        return _words(self.recipe, self.data)

    def value(self, setting: str) -> Any:
        """Of a setting, the present one or the recipe's."""
        return self._base.value(setting) if self.settings.get(setting) is None else self.settings[setting]

    def with_setting(self, name: str, value: Any) -> Self:
        """With a setting; None for the recipe's own. Another optimizer begins with its own momentum."""
        kept = {
            key: each for key, each in self.settings.items() if not key.startswith(f"{name}.") or key.endswith(".lr")
        }
        return replace(self, settings={**kept, name: value})

    def momentum(self, role: str) -> float | None:
        """Of a player's optimizer: Adam's beta_1, or that of SGD and RMSprop; None for its own, or none."""
        name = f"model.optimization.{role}"
        betas, momentum = self.value(f"{name}.betas"), self.value(f"{name}.momentum")
        if self.value(name) in (None, *_WITH_BETAS):
            return None if betas is None else float(betas[0])
        return (momentum or 0.0) if self.value(name) in _WITH_MOMENTUM else None

    def with_momentum(self, role: str, value: float) -> Self:
        """With another; Adam's beta_2 stays."""
        name = f"model.optimization.{role}"
        if self.value(name) not in (None, *_WITH_BETAS):
            return self.with_setting(f"{name}.momentum", value)
        _, second = self.value(f"{name}.betas") or (0.9, 0.999)
        return self.with_setting(f"{name}.betas", [value, second])

    def with_blocks(self, role: str, blocks: Blocks) -> Self:
        """With another network."""
        return replace(self, blocks={**self.blocks, role: blocks})

    @property
    def players(self) -> list[str]:
        """Those whose optimizers may be set."""
        known = [role for role in _ROLES if self._base.value(f"model.optimization.{role}") is not None]
        return known or ["generator", "discriminator"]

    def shapes(self, role: str) -> tuple[Shape, Shape | None]:
        """What goes into a network, and what must come out of its blocks; None for anything."""
        channels, *sides = data_sets()[self.data].shape
        told = data_sets()[self.data].classes if recipes()[self.recipe].classes else 0
        if role == "generator":
            return (int(self.value("model.latent_dim")) + told,), (channels, *sides)
        return (channels + told, *sides), None

    def check(self) -> None:
        """See whether all blocks fit, and are of a size that two cores can play with.

        Raises:
            ConfigError: One does not, or is not.
        """
        for role, blocks in self.blocks.items():
            weights = 0
            for number, block in enumerate(blocks_of(blocks, *self.shapes(role))):
                weights += block.weights
                if math.prod(block.after) > _VALUES or weights > _WEIGHTS:
                    hint = f"too large for the playground: at most {_VALUES:,} values, and {_WEIGHTS:,} weights so far"
                    raise ConfigError(f"blocks[{number}]", blocks[number], hint)


@functools.cache
def data_sets() -> dict[str, ImageData]:
    """All, by name."""
    return {name: ImageData(**each) for name, each in _content()["data"].items()}


@functools.cache
def recipes() -> dict[str, Recipe]:
    """All, by name."""
    return {name: Recipe(**each) for name, each in _content()["recipes"].items()}


@functools.cache
def _words(recipe: str, data: str) -> Words:
    """Of a recipe as it is; kept, since it reads its configs once."""
    return Words(tuple(map(str, (*recipes()[recipe].words, *data_sets()[data].words))))


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return content


def _dense(role: str, shape: Shape) -> Blocks:
    """Two hidden layers."""
    hidden: Blocks = [{"layer": "linear", "features": _WIDTH}, {"layer": "leaky_relu"}] * 2
    if role != "generator":
        return [{"layer": "flatten"}, *hidden]
    channels, height, width = shape
    out: Blocks = [{"layer": "linear", "features": channels * height * width}, {"layer": "tanh"}]
    return [*hidden, *out, {"layer": "reshape", "shape": [*shape]}]


def _convolutional(role: str, shape: Shape) -> Blocks:
    """Maps that are halved down to 4 x 4, or doubled from there: the layout of DCGAN."""
    channels, side, _ = shape
    depths = [_DEPTH << number for number in range(side.bit_length() - 3)]  # the largest maps' first
    if role != "generator":
        windows = [_halving("convolution", 2 * depth) for depth in depths]
        return [block for window in windows for block in (window, {"layer": "leaky_relu"})]
    smallest = 2 * depths[-1]
    found: Blocks = [{"layer": "linear", "features": 16 * smallest}, {"layer": "reshape", "shape": [smallest, 4, 4]}]
    for depth in reversed(depths):
        found += [{"layer": "batch_norm"}, {"layer": "relu"}, _halving("transposed_convolution", depth)]
    last: Blocks = [{"layer": "relu"}, _of_size(channels), {"layer": "tanh"}]
    return found + last


def _halving(layer: str, depth: int) -> dict[str, Any]:
    """A convolution to half the side, or a transposed one to twice."""
    return {"layer": layer, "depth": depth, "field": 4, "stride": 2, "padding": 1}


def _of_size(depth: int) -> dict[str, Any]:
    """A convolution that keeps the side."""
    return {"layer": "convolution", "depth": depth, "field": 3, "stride": 1, "padding": 1}


KINDS: dict[str, Callable[[str, Shape], Blocks]] = {"dense": _dense, "convolutional": _convolutional}
"""Networks to begin with: blocks of a role for images of a shape."""
