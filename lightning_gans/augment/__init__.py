"""Changes of images that random numbers select; those of ``diffaugment`` can be differentiated."""

from lightning_gans.augment.base import Augmentation
from lightning_gans.augment.diffaugment import (
    Color,
    Cutout,
    Translation,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)

__all__ = [
    "Augmentation",
    "Color",
    "Cutout",
    "Translation",
    "brightness",
    "contrast",
    "cutout",
    "saturation",
    "translation",
]
