"""Features of small classifiers: the two that come with the package, and any that a user trained."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from torch import Tensor

from lightning_gans.evaluation.features.classifier import VERSION, load_classifier
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor
from lightning_gans.images import from_uint8


class ClassifierFeatures(FeatureExtractor):
    """Features and logits of a classifier file made by ``lightning_gans.evaluation.features.train``.

    Args:
        weights: The safetensors file.
        name: Name in metrics; by default the one stored in the file, else the file's.

    Attributes:
        facts: What the file says about itself: data, seed, epochs, test accuracy, sizes.

    Raises:
        ConfigError: The file is missing, or is not a classifier of this package.
    """

    preprocessing = f"uint8 in [0, 255] to float x / 127.5 - 1, no resizing; classifier version {VERSION}"

    def __init__(self, weights: str | Path, *, name: str | None = None) -> None:
        classifier, facts = load_classifier(weights)
        super().__init__(
            facts.get("name", Path(weights).stem) if name is None else name,
            image_shape=classifier.image_shape,
            num_classes=classifier.num_classes,
        )
        self.classifier = classifier
        self.facts: dict[str, Any] = facts
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """``(N, C, H, W)`` uint8 to features ``(N, D)`` and logits ``(N, K)``."""
        features: FeatureBatch = self.classifier(from_uint8(images))
        return features


class DigitsFeatures(ClassifierFeatures):
    """Classifier of scikit-learn's digits: 8x8 grayscale images, 10 classes, 64 features. Needs no network.

    Trained on four fifths of the images; ``facts["test_accuracy"]`` is that on the rest. Made by
    ``python -m lightning_gans.evaluation.features.train --data digits --output digits.safetensors``.

    Example:
        >>> import torch
        >>> features, logits = DigitsFeatures()(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self) -> None:
        with as_file(files(__package__) / "weights" / "digits.safetensors") as path:
            super().__init__(path)


class MNISTFeatures(ClassifierFeatures):
    """Classifier of MNIST: 28x28 grayscale images, 10 classes, 64 features. Needs no network.

    ``facts["test_accuracy"]`` is that on MNIST's 10,000 test images. Made by
    ``python -m lightning_gans.evaluation.features.train --data mnist --root DIR --output mnist.safetensors``.

    Example:
        >>> import torch
        >>> features, logits = MNISTFeatures()(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self) -> None:
        with as_file(files(__package__) / "weights" / "mnist.safetensors") as path:
            super().__init__(path)
