"""What the shape of an image asks of a network, and what a network is given besides its first input."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError

SMALLEST_SIDE, LARGEST_SQUARE = 8, 128


def check_image_shape(name: str, shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Channels, height and width of the image shape in an argument; sides of 8 or more, which need not be equal.

    Raises:
        ConfigError: Not given, not a shape of images, or smaller than 8 pixels.
    """
    if shape is None:
        raise ConfigError(name, None, "give (channels, height, width); the command line takes it from the data")
    found = tuple(shape)
    if len(found) != 3 or found[0] < 1 or min(found[1:]) < SMALLEST_SIDE:
        raise ConfigError(name, found, f"must be (channels, height, width) with sides of {SMALLEST_SIDE} or more")
    return found[0], found[1], found[2]


def check_translation(
    source_shape: Sequence[int] | None, image_shape: Sequence[int] | None
) -> tuple[int, int, list[int]]:
    """Channels of sources and of images, and their common size [H, W].

    Raises:
        ConfigError: A shape is missing or smaller than 8 pixels, or the two differ in size.
    """
    source_channels, *size = check_image_shape("source_shape", source_shape)
    channels, *target_size = check_image_shape("image_shape", image_shape)
    if size != target_size:
        hint = f"the size is kept, and source_shape has {size[0]} x {size[1]} pixels"
        raise ConfigError("image_shape", (channels, *target_size), hint)
    return source_channels, channels, size


def check_downsamplings(count: int, size: Sequence[int]) -> None:
    """Refuse to halve an image of a size (H, W) beyond one pixel."""
    most = (min(size) - 1).bit_length()
    if count > most:
        raise ConfigError("num_downsamplings", count, f"images of {min(size)} pixels are halved {most} times at most")


def joined_sources(*maps: Tensor, channels: int, size: Sequence[int] | None = None) -> Tensor:
    """Sources (N, C, H, W) and further maps of their size, joined along the channels.

    Raises:
        ConfigError: They have not so many channels together, are too small, or of another size (H, W) than is given.
    """
    shapes = [tuple(each.shape) for each in maps]
    fits = all(len(shape) == 4 and shape[2:] == shapes[0][2:] for shape in shapes)
    if not fits or sum(shape[1] for shape in shapes) != channels:
        hint = f"must be (N, C, h, w), all of one size and together of {channels} channels"
        raise ConfigError("source", shapes[0] if len(shapes) == 1 else shapes, hint)
    if min(shapes[0][2:]) < SMALLEST_SIDE:
        raise ConfigError("source", shapes[0], f"must have sides of {SMALLEST_SIDE} pixels or more")
    if size is not None and shapes[0][2:] != tuple(size):
        raise ConfigError("source", shapes[0], f"the network takes {size[0]} x {size[1]} pixels alone; resize it")
    return torch.cat(maps, dim=1) if len(maps) > 1 else maps[0]


def check_image_size(image_shape: Sequence[int] | None) -> tuple[int, int]:
    """Channels and side of a square image shape (C, H, W), 8 <= H <= 128.

    Raises:
        ConfigError: Not given, not square, or out of range.
    """
    if image_shape is not None:
        shape = tuple(image_shape)
        if len(shape) != 3 or shape[0] < 1 or shape[1] != shape[2] or not SMALLEST_SIDE <= shape[1] <= LARGEST_SQUARE:
            rule = f"(channels, side, side) with a side from {SMALLEST_SIDE} to {LARGEST_SQUARE}"
            raise ConfigError("image_shape", shape, f"must be {rule}; resize the images")
    channels, side, _ = check_image_shape("image_shape", image_shape)
    return channels, side


def halved_sides(side: int, until: int, at_least: int = 0) -> list[int]:
    """The sides of a network's maps, largest first: halved until one is small enough, and so many times at least.

    Example:
        >>> halved_sides(64, 7, at_least=3), halved_sides(28, 7, at_least=3), halved_sides(8, 7, at_least=3)
        ([64, 32, 16, 8, 4], [28, 14, 7, 3], [8, 4, 2, 1])
        >>> halved_sides(32, 4), halved_sides(28, 4), halved_sides(8, 4)
        ([32, 16, 8, 4], [28, 14, 7, 3], [8, 4])
    """
    sides = [side]
    while sides[-1] > until or len(sides) <= at_least:
        sides.append(sides[-1] // 2)
    return sides


def check_positive(**settings: int) -> None:
    """Refuse sizes of a network that are not positive, by their names."""
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(name, value, "must be positive")


def check_not_negative(**settings: int | None) -> None:
    """Refuse numbers that are negative, by their names; 0 and None stand for none."""
    for name, value in settings.items():
        if value is not None and value < 0:
            raise ConfigError(name, value, "must be 0, for none, or more")


def split_inputs(
    rest: Sequence[Tensor], *, num_classes: int, labels_per_sample: int = 1, latent_dim: int | None = None
) -> tuple[Tensor | None, Tensor | None]:
    """Latents and labels of what a network is given after its first input; None for what it does not take.

    Args:
        rest: Latents (N, Z) where ``latent_dim`` is positive, then labels where ``num_classes`` is.
        num_classes: Of the network; 0 where it takes no labels.
        labels_per_sample: m: labels are (N, m), and (N,) too where it is 1.
        latent_dim: Of the network; 0 where it takes no latents, None where it never can.

    Raises:
        ConfigError: Too many, too few, or of another shape than the network was told.

    Example:
        >>> split_inputs([torch.zeros(2, 5), torch.tensor([0, 1])], num_classes=3, latent_dim=5)[1]
        tensor([0, 1])
    """
    missing = bool(latent_dim) + bool(num_classes) - len(rest)
    if missing:
        raise _wrong_number(rest, missing, num_classes, latent_dim)
    latents = rest[0] if latent_dim else None
    labels = rest[-1] if num_classes else None
    if latents is not None and (size := math.prod(latents.shape[1:])) != latent_dim:
        raise ConfigError("latent_dim", latent_dim, f"the network is shown latents of size {size}; tell it so")
    if labels is not None and math.prod(labels.shape[1:]) != labels_per_sample:
        hint = f"the network is given labels of shape {tuple(labels.shape)}; they are (N,), or (N, m) for packs of m"
        raise ConfigError("labels_per_sample", labels_per_sample, hint)
    if labels is not None and labels_per_sample == 1:
        labels = labels.flatten()  # (N, 1) too: packs of one
    return latents, labels


def concat_labels(features: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Features (N, D, ...) with one-hot labels (N,) or (N, m), (N, D + m K, ...); as they are where there are none.

    Example:
        >>> concat_labels(torch.zeros(2, 1), torch.tensor([1, 0]), 2)
        tensor([[0., 0., 1.],
                [0., 1., 0.]])
        >>> concat_labels(torch.zeros(1, 0), torch.tensor([[1, 0]]), 2)
        tensor([[0., 1., 1., 0.]])
    """
    return features if labels is None else concat_constant(features, F.one_hot(labels, num_classes).flatten(1))


def concat_constant(features: Tensor, numbers: Tensor) -> Tensor:
    """Features (N, D, ...) with numbers (N, B) as B further channels, each of them constant: (N, D + B, ...)."""
    maps = numbers.reshape(*numbers.shape, *[1] * (features.ndim - 2))
    return torch.cat([features, maps.to(features.dtype).expand(-1, -1, *features.shape[2:])], dim=1)


def _wrong_number(rest: Sequence[Tensor], missing: int, num_classes: int, latent_dim: int | None) -> ConfigError:
    """What to say of too many inputs or too few; which argument it names is a guess from their shape."""
    parts = ["latents"] * bool(latent_dim) + ["labels"] * bool(num_classes)
    takes = f"the network takes {' and '.join(parts) + ' besides its first input' if parts else 'one input'}"
    if missing > 0:
        name, value = ("num_classes", num_classes) if num_classes else ("latent_dim", latent_dim)
        return ConfigError(name, value, f"{takes}, but was given fewer")
    vectors = rest[0].ndim > 1 and not latent_dim
    name, value = ("latent_dim", latent_dim or 0) if vectors or num_classes else ("num_classes", num_classes)
    given = ", ".join(str(tuple(part.shape)) for part in rest)
    latents = f"latents of size {math.prod(rest[0].shape[1:])}" if vectors else "latents"
    elsewhere = "another network, such as MLPDiscriminator" if latent_dim is None else "latent_dim"
    hint = f"{takes}, but was given {given} besides; labels need num_classes, {latents} need {elsewhere}"
    return ConfigError(name, value, hint)
