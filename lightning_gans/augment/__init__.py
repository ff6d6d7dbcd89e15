"""What is done to images on their way into a discriminator; all of it differentiable in the images."""

from lightning_gans.augment.adaptive import AdaptiveAugment
from lightning_gans.augment.augment import Augment, DiffAugment, InstanceNoise
from lightning_gans.augment.pipeline import Blit, ColorMatrix, Geometry, RandomChange, color_matrix
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
from lightning_gans.augment.warp import warp

__all__ = [
    "AdaptiveAugment",
    "Augment",
    "Blit",
    "Color",
    "ColorMatrix",
    "Cutout",
    "DiffAugment",
    "Geometry",
    "InstanceNoise",
    "RandomChange",
    "RandomTranslation",
    "Transform",
    "brightness",
    "color_matrix",
    "contrast",
    "cutout",
    "saturation",
    "translation",
    "warp",
]
