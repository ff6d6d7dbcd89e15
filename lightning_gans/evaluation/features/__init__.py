"""Feature extractors: uint8 images in, features for distances and logits for classes out.

One contract, ``FeatureExtractor``. Small classifiers come with the package (``DigitsFeatures``, ``MNISTFeatures``,
``EmojiFeatures``, ``ColoredDigitsFeatures``) or are made for a user's own data by
``lightning_gans.evaluation.features.train`` and read by ``ClassifierFeatures``; ``RandomFeatures`` take any images;
points are their own features (``IdentityFeatures``); any module of the user's is wrapped by ``ModuleFeatures``;
``InceptionFeatures`` are the ones that papers use.
"""

from lightning_gans.evaluation.features.classifier import (
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
from lightning_gans.evaluation.features.pretrained import CLIPFeatures, DINOv2Features, InceptionFeatures

__all__ = [
    "CLIPFeatures",
    "Classifier",
    "ClassifierFeatures",
    "ColoredDigitsFeatures",
    "DINOv2Features",
    "DigitsFeatures",
    "EmojiFeatures",
    "FeatureBatch",
    "FeatureExtractor",
    "IdentityFeatures",
    "InceptionFeatures",
    "MNISTFeatures",
    "ModuleFeatures",
    "RandomFeatures",
    "StackedFeatures",
    "load_classifier",
    "save_classifier",
]
