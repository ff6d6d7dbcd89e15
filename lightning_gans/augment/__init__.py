"""Changes of images that random numbers select, all of them differentiable in the images."""

from lightning_gans.augment.transform import Transform
from lightning_gans.augment.transforms import (
    Color,
    Cutout,
    RandomTranslation,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)

__all__ = [
    "Color",
    "Cutout",
    "RandomTranslation",
    "Transform",
    "brightness",
    "contrast",
    "cutout",
    "saturation",
    "translation",
]
