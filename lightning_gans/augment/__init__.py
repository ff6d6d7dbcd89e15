"""What is done to images on their way into a discriminator; all of it differentiable in the images."""

from lightning_gans.augment.adaptive import AdaptiveAugment, RandomAugment
from lightning_gans.augment.augment import Augment, DiffAugment, InstanceNoise
from lightning_gans.augment.pipeline import Blit, ColorMatrix, Geometry, RandomChange, RandomCutout, color_matrix
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
    "RandomAugment",
    "RandomChange",
    "RandomCutout",
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
