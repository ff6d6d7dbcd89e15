"""What the shape of an image asks of a network."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError


def image_size(image_shape: Sequence[int] | None, smallest: int = 8, largest: int = 128) -> tuple[int, int]:
    """Channels and side of a square image shape.

    Args:
        image_shape: (C, H, W).
        smallest: Smallest side that the network can handle.
        largest: Largest side.

    Raises:
        ConfigError: Not given, not square, or out of range.

    Example:
        >>> image_size((3, 32, 32))
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


def halvings(side: int) -> list[int]:
    """The sides of the feature maps of a strided network, largest first: halved until under 8, at least three times.

    Example:
        >>> halvings(64), halvings(28), halvings(8)
        ([64, 32, 16, 8, 4], [28, 14, 7, 3], [8, 4, 2, 1])
    """
    sides = [side]
    while sides[-1] >= 8 or len(sides) < 4:
        sides.append(sides[-1] // 2)
    return sides


def positive(**settings: int) -> None:
    """Check that sizes of a network are positive.

    Raises:
        ConfigError: One is not; names it.
    """
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(name, value, "must be positive")


def with_labels(features: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Vectors with one-hot labels appended, or as they are where a network knows no classes.

    Args:
        features: (N, D).
        labels: (N,), 0 to ``classes`` - 1; None where there are no classes.
        classes: Their number K, 0 for none.

    Returns:
        (N, D + K).

    Raises:
        ConfigError: Labels are missing, or there are labels and no classes, or they are no labels but latents.

    Example:
        >>> with_labels(torch.zeros(2, 1), torch.tensor([1, 0]), 2)
        tensor([[0., 0., 1.],
                [0., 1., 0.]])
    """
    if labels is not None and labels.is_floating_point():
        hint = "it knows labels, but no latents; take one that does, such as MLPDiscriminator"
        raise ConfigError("discriminator", "images and latents", hint)
    if (labels is None) != (classes == 0):
        raise ConfigError("classes", classes, "a network with classes takes labels, and one without takes none")
    if labels is None:
        return features
    return torch.cat([features, F.one_hot(labels, classes).to(features.dtype)], dim=1)
