"""What is done to images on their way into a discriminator; all of it differentiable in the images."""

from lightning_gans.augment.augment import Augment
from lightning_gans.augment.diffaugment import DiffAugment
from lightning_gans.augment.noise import InstanceNoise
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
