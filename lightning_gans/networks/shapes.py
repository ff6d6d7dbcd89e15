"""What the shape of an image asks of a network, and what a network is given besides its first input."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError

SMALLEST_SIDE = 8


def check_image_shape(name: str, shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Channels, height and width of an image shape, of sides that need not be equal.

    Args:
        name: The argument, for the message.
        shape: (C, H, W).

    Raises:
        ConfigError: Not given, not a shape of images, or smaller than 8 pixels.

    Example:
        >>> check_image_shape("source_shape", [3, 47, 61])
        (3, 47, 61)
    """
    if shape is None:
        raise ConfigError(name, None, "give (channels, height, width); the command line takes it from the data")
    found = tuple(shape)
    if len(found) != 3 or found[0] < 1 or min(found[1:]) < SMALLEST_SIDE:
        raise ConfigError(name, found, f"must be (channels, height, width) with sides of {SMALLEST_SIDE} or more")
    return found[0], found[1], found[2]


def check_image_size(
    image_shape: Sequence[int] | None, smallest: int = SMALLEST_SIDE, largest: int = 128
) -> tuple[int, int]:
    """Channels and side of a square image shape.

    Args:
        image_shape: (C, H, W).
        smallest: Smallest side that the network can handle.
        largest: Largest side.

    Raises:
        ConfigError: Not given, not square, or out of range.

    Example:
        >>> check_image_size((3, 32, 32))
        (3, 32)
    """
    if image_shape is None:
        raise ConfigError(
            "image_shape", None, "give (channels, height, width); the command line takes it from the data"
        )
    shape = tuple(image_shape)
    if len(shape) != 3 or shape[1] != shape[2] or shape[0] < 1 or not smallest <= shape[1] <= largest:
        rule = f"must be (channels, side, side) with a side from {smallest} to {largest}; resize the images"
        raise ConfigError("image_shape", shape, rule)
    return shape[0], shape[1]


def downsampled_sides(side: int) -> list[int]:
    """The sides of the feature maps of a strided network, largest first: halved until under 8, at least three times.

    Example:
        >>> downsampled_sides(64), downsampled_sides(28), downsampled_sides(8)
        ([64, 32, 16, 8, 4], [28, 14, 7, 3], [8, 4, 2, 1])
    """
    sides = [side]
    while sides[-1] >= 8 or len(sides) < 4:
        sides.append(sides[-1] // 2)
    return sides


def check_positive(**settings: int) -> None:
    """Check that sizes of a network are positive.

    Raises:
        ConfigError: One is not; names it.
    """
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(name, value, "must be positive")


def check_not_negative(**settings: int | None) -> None:
    """Check that numbers which may be 0 or None, for none, are not negative.

    Raises:
        ConfigError: One is; names it.
    """
    for name, value in settings.items():
        if value is not None and value < 0:
            raise ConfigError(name, value, "must be 0, for none, or more")


def split_inputs(
    rest: Sequence[Tensor], *, num_classes: int, labels_per_sample: int = 1, latent_dim: int | None = None
) -> tuple[Tensor | None, Tensor | None]:
    """What a network is given after its first input, told apart by what its constructor was told.

    Args:
        rest: Latents (N, Z) where ``latent_dim`` is positive, then labels where ``num_classes`` is.
        num_classes: Of the network; 0 where it takes no labels.
        labels_per_sample: m: labels are (N, m), and (N,) too where it is 1.
        latent_dim: Of the network; 0 where it takes no latents, None where it never can.

    Returns:
        Latents, labels; None for what the network does not take.

    Raises:
        ConfigError: Too many, too few, or of another shape than the network was told.

    Example:
        >>> split_inputs([torch.zeros(2, 5), torch.tensor([0, 1])], num_classes=3, latent_dim=5)[1]
        tensor([0, 1])
    """
    missing = bool(latent_dim) + bool(num_classes) - len(rest)
    if missing > 0:
        name, value = ("num_classes", num_classes) if num_classes else ("latent_dim", latent_dim)
        raise ConfigError(name, value, f"the network takes {_words(num_classes, latent_dim)}, but was given fewer")
    if missing < 0:
        raise _unexpected(rest, num_classes, latent_dim)
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
    """Vectors with one-hot labels appended, or as they are where there are none.

    Args:
        features: (N, D).
        labels: (N,), or (N, m) for m labels a sample, 0 to ``num_classes`` - 1; None for none.
        num_classes: Their number K.

    Returns:
        (N, D + m K).

    Example:
        >>> concat_labels(torch.zeros(2, 1), torch.tensor([1, 0]), 2)
        tensor([[0., 0., 1.],
                [0., 1., 0.]])
        >>> concat_labels(torch.zeros(1, 0), torch.tensor([[1, 0]]), 2)
        tensor([[0., 1., 1., 0.]])
    """
    if labels is None:
        return features
    return torch.cat([features, F.one_hot(labels, num_classes).flatten(1).to(features.dtype)], dim=1)


def concat_label_maps(images: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Images (N, C, H, W) with one-hot labels as constant maps, (N, C + m K, H, W); see ``concat_labels``."""
    if labels is None:
        return images
    maps = concat_labels(images.new_empty(len(images), 0), labels, num_classes)[:, :, None, None]
    return torch.cat([images, maps.expand(-1, -1, *images.shape[2:])], dim=1)


def _words(num_classes: int, latent_dim: int | None) -> str:
    parts = ["latents"] * bool(latent_dim) + ["labels"] * bool(num_classes)
    return " and ".join(parts) + " besides its first input" if parts else "one input"


def _unexpected(rest: Sequence[Tensor], num_classes: int, latent_dim: int | None) -> ConfigError:
    """The message on too many inputs; which argument it names is a guess from their shape."""
    vectors = rest[0].ndim > 1 and not latent_dim
    name, value = ("latent_dim", latent_dim or 0) if vectors or num_classes else ("num_classes", num_classes)
    given = ", ".join(str(tuple(part.shape)) for part in rest)
    hint = (
        f"the network takes {_words(num_classes, latent_dim)}, but was given {given} besides; labels need num_classes"
    )
    latents = f"latents of size {math.prod(rest[0].shape[1:])}" if vectors else "latents"
    elsewhere = "another network, such as MLPDiscriminator" if latent_dim is None else "latent_dim"
    return ConfigError(name, value, f"{hint}, {latents} need {elsewhere}")
