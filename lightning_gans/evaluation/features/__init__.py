"""Feature extractors: uint8 images in, features for distances and logits for classes out.

One contract, ``FeatureExtractor``. Small classifiers come with the package (``DigitsFeatures``, ``MNISTFeatures``,
``EmojiFeatures``, ``ColoredDigitsFeatures``, ``CIFAR10Features``, ``ScenesFeatures``) or are made for a user's own data
by ``lightning_gans.evaluation.features.train`` and read by ``ClassifierFeatures``; ``RandomFeatures`` take any images;
points are their own features (``IdentityFeatures``); any module of the user's is wrapped by ``ModuleFeatures``;
``InceptionFeatures`` are the ones that papers use. A loss compares ``FeatureMaps``, which are differentiable.
"""

from lightning_gans.evaluation.features.classifier import (
    CIFAR10Features,
    Classifier,
    ClassifierFeatures,
    ColoredDigitsFeatures,
    DigitsFeatures,
    EmojiFeatures,
    MNISTFeatures,
    load_classifier,
    save_classifier,
)
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor
from lightning_gans.evaluation.features.generic import (
    IdentityFeatures,
    ModuleFeatures,
    RandomFeatures,
    StackedFeatures,
)
from lightning_gans.evaluation.features.maps import (
    CIFAR10Maps,
    ClassifierMaps,
    Comparing,
    FeatureMaps,
    VGG19Maps,
    maps_by,
    maps_distance,
)
from lightning_gans.evaluation.features.pretrained import CLIPFeatures, DINOv2Features, InceptionFeatures
from lightning_gans.evaluation.features.scenes import ScenesFeatures

__all__ = [
    "CIFAR10Features",
    "CIFAR10Maps",
    "CLIPFeatures",
    "Classifier",
    "ClassifierFeatures",
    "ClassifierMaps",
    "ColoredDigitsFeatures",
    "Comparing",
    "DINOv2Features",
    "DigitsFeatures",
    "EmojiFeatures",
    "FeatureBatch",
    "FeatureExtractor",
    "FeatureMaps",
    "IdentityFeatures",
    "InceptionFeatures",
    "MNISTFeatures",
    "ModuleFeatures",
    "RandomFeatures",
    "ScenesFeatures",
    "StackedFeatures",
    "VGG19Maps",
    "load_classifier",
    "maps_by",
    "maps_distance",
    "save_classifier",
]
