"""What is done to images on their way into a discriminator; all of it differentiable in the images."""

from lightning_gans.augment.augment import Augment, DiffAugment, InstanceNoise
from lightning_gans.augment.transform import (
    Color,
    Cutout,
    RandomTranslation,
    Transform,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)

__all__ = [
    "Augment",
    "Color",
    "Cutout",
    "DiffAugment",
    "InstanceNoise",
    "RandomTranslation",
    "Transform",
    "brightness",
    "contrast",
    "cutout",
    "saturation",
    "translation",
]
