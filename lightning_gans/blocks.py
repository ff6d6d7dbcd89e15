"""A network as a list of blocks, as plain data: what each makes of a shape, known before anything is built.

A block is a mapping with the name of its ``layer`` and that layer's settings: ``{"layer": "linear", "features": 64}``.
Shapes are those of one sample: (D,) of numbers, (C, H, W) of maps. Nothing here needs torch, so that a page can show
shapes while a network is being put together.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lightning_gans.errors import ConfigError

Shape = tuple[int, ...]


class Block(NamedTuple):
    """A layer in its place."""

    layer: str
    settings: dict[str, Any]
    """All of the layer's settings, defaults included."""
    before: Shape
    after: Shape

    @property
    def weights(self) -> int:
        """How many its matrix or its kernels have; biases and normalization are left out."""
        if self.layer == "linear":
            return self.before[0] * self.after[0]
        convolves = self.layer in ("convolution", "transposed_convolution")
        return self.before[0] * self.after[0] * self.settings["field"] ** 2 if convolves else 0


class _MisfitError(ValueError):
    """Why a layer cannot be where it is."""


def _linear(before: Shape, *, features: int) -> Shape:
    if len(before) != 1:
        raise _MisfitError(f"takes numbers (D,), and is given maps {before}: flatten them first")
    return (features,)


def _convolution(before: Shape, *, depth: int, field: int = 3, stride: int = 1, padding: int = 0) -> Shape:
    _, *sides = _maps(before)
    if field > min(sides) + 2 * padding:
        raise _MisfitError(f"a field of {field} does not fit into maps {before} with a padding of {padding}")
    return depth, *((side + 2 * padding - field) // stride + 1 for side in sides)


def _transposed(before: Shape, *, depth: int, field: int = 4, stride: int = 2, padding: int = 1) -> Shape:
    _, *sides = _maps(before)
    after = [(side - 1) * stride - 2 * padding + field for side in sides]
    if min(after) < 1:
        raise _MisfitError(f"nothing of maps {before} is left by a padding of {padding}")
    return depth, *after


def _pool(before: Shape, *, field: int = 2, stride: int = 2) -> Shape:
    return _convolution(before, depth=_maps(before)[0], field=field, stride=stride)


def _upsample(before: Shape, *, factor: int = 2) -> Shape:
    channels, height, width = _maps(before)
    return channels, factor * height, factor * width


def _reshape(before: Shape, *, shape: Sequence[int]) -> Shape:
    if math.prod(shape) != math.prod(before):
        numbers = f"{tuple(shape)} has {math.prod(shape)} numbers"
        raise _MisfitError(f"{numbers}, and is given {math.prod(before)} in {before}")
    return tuple(shape)


def _flatten(before: Shape) -> Shape:
    return (math.prod(before),)


def _unchanged(before: Shape) -> Shape:
    return before


def _leaky(before: Shape, *, slope: float = 0.2) -> Shape:
    return before


def _instance_norm(before: Shape) -> Shape:
    return _normalized(before, _maps(before)[1:], "map")


def _layer_norm(before: Shape) -> Shape:
    return _normalized(before, before, "sample")


def _normalized(before: Shape, over: Shape, what: str) -> Shape:
    if math.prod(over) < 2:
        raise _MisfitError(f"makes zeros of {before}: there is one number a {what}, and its mean is taken from it")
    return before


LAYERS: dict[str, Callable[..., Shape]] = {
    "linear": _linear,
    "convolution": _convolution,
    "transposed_convolution": _transposed,
    "max_pool": _pool,
    "average_pool": _pool,
    "upsample": _upsample,
    "reshape": _reshape,
    "flatten": _flatten,
    "relu": _unchanged,
    "leaky_relu": _leaky,
    "elu": _unchanged,
    "tanh": _unchanged,
    "sigmoid": _unchanged,
    "batch_norm": _unchanged,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
}
"""What each layer makes of a shape; its settings are the keywords."""


def settings_of(layer: str) -> dict[str, Any]:
    """The settings of a layer with their defaults, None for one that must be given.

    Example:
        >>> settings_of("convolution")
        {'depth': None, 'field': 3, 'stride': 1, 'padding': 0}
    """
    parameters = inspect.signature(LAYERS[layer]).parameters.values()
    own = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    return {each.name: None if each.default is each.empty else each.default for each in own}


def blocks_of(
    blocks: Sequence[Mapping[str, Any]], input_shape: Sequence[int], output_shape: Sequence[int] | None = None
) -> list[Block]:
    """The blocks with all their settings and shapes; ``output_shape`` is what must come out, None for anything.

    Raises:
        ConfigError: A block does not fit: named by its number, from 0.

    Example:
        >>> blocks_of([{"layer": "convolution", "depth": 8, "field": 9}], (1, 8, 8))
        Traceback (most recent call last):
        ...
        lightning_gans.errors.ConfigError: blocks[0]={'layer': 'convolution', 'depth': 8, 'field': 9}: a field of 9 \
does not fit into maps (1, 8, 8) with a padding of 0
    """
    shape, found = tuple(input_shape), list[Block]()
    for number, block in enumerate(blocks):
        try:
            layer, settings = _read(block)
            found.append(Block(layer, settings, shape, LAYERS[layer](shape, **settings)))
        except _MisfitError as error:
            raise ConfigError(f"blocks[{number}]", block, str(error)) from None
        shape = found[-1].after
    if output_shape is not None and shape != tuple(output_shape):
        last = f"blocks[{len(blocks) - 1}]" if blocks else "blocks"
        hint = f"{shape} comes out, and it must be {tuple(output_shape)}"
        raise ConfigError(last, blocks[-1] if blocks else [], hint)
    return found


def shapes_of(
    blocks: Sequence[Mapping[str, Any]], input_shape: Sequence[int], output_shape: Sequence[int] | None = None
) -> list[Shape]:
    """The shape of what goes in, and of what comes out of each block; arguments and errors as of ``blocks_of``.

    Example:
        >>> shapes_of([{"layer": "convolution", "depth": 8, "padding": 1}, {"layer": "max_pool"}], (1, 28, 28))
        [(1, 28, 28), (8, 28, 28), (8, 14, 14)]
    """
    return [tuple(input_shape), *(block.after for block in blocks_of(blocks, input_shape, output_shape))]


def _maps(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise _MisfitError(f"takes maps (C, H, W), and is given {shape}: reshape it first")
    return shape


def _read(block: Any) -> tuple[str, dict[str, Any]]:
    """The layer of a block, and all its settings."""
    given = dict(block) if isinstance(block, Mapping) else {}
    if not isinstance(layer := given.pop("layer", None), str) or layer not in LAYERS:
        raise _MisfitError(f"its layer must be one of {', '.join(LAYERS)}")
    known = settings_of(layer)
    if unknown := sorted(map(str, set(given) - set(known))):
        raise _MisfitError(f"{layer} has no setting {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    settings = known | given
    for name, value in settings.items():
        holds, rule = _RULES.get(name, _COUNT)
        if not holds(value):
            raise _MisfitError(f"{name} must be {rule}" + (f", and is {value!r}" if name in given else ""))
    return layer, settings


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_COUNT: tuple[Callable[[Any], bool], str] = (lambda value: _whole(value, 1), "a whole number, 1 or more")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "padding": (lambda value: _whole(value, 0), "a whole number, 0 or more"),
    "slope": (lambda value: isinstance(value, int | float) and 0 <= value < 1, "a number from 0 to below 1"),
    "shape": (
        lambda value: isinstance(value, list | tuple) and len(value) in (1, 3) and all(_whole(n, 1) for n in value),
        "the shape of maps, [channels, height, width], or [numbers]",
    ),
}
"""What settings must be, where they are no counts."""
