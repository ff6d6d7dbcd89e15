"""Features of small classifiers: the three that come with the package, and any that a user trained."""

from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.classifier import VERSION, load_classifier
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor
from lightning_gans.images import from_uint8


class ClassifierFeatures(FeatureExtractor):
    """Features and logits of a classifier file made by ``lightning_gans.evaluation.features.train``.

    The attribute ``facts`` is what the file says about itself: data, seed, epochs, test accuracy, sizes.

    Args:
        weights: The safetensors file.
        name: Name in metrics; by default the one stored in the file, else the file's.

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
        self.classifier, self.facts = classifier, facts
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, D)`` and logits ``(N, K)``."""
        return FeatureBatch(*self.classifier(from_uint8(images)))


class _ShippedFeatures(ClassifierFeatures):
    def __init__(self, file: str) -> None:
        with as_file(files(__package__) / "weights" / file) as path:
            super().__init__(path)


class DigitsFeatures(_ShippedFeatures):
    """Classifier of scikit-learn's digits: 8x8 grayscale images, 10 classes, 64 features. Needs no network.

    Trained on four fifths of the images; ``facts["test_accuracy"]`` is that on the rest. Made by
    ``python -m lightning_gans.evaluation.features.train --data digits --output digits.safetensors``.

    Example:
        >>> features, logits = DigitsFeatures()(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self) -> None:
        super().__init__("digits.safetensors")


class MNISTFeatures(_ShippedFeatures):
    """Classifier of MNIST: 28x28 grayscale images, 10 classes, 64 features. Needs no network.

    ``facts["test_accuracy"]`` is that on MNIST's 10,000 test images. Made by
    ``python -m lightning_gans.evaluation.features.train --data mnist --root DIR --output mnist.safetensors``.

    Example:
        >>> features, logits = MNISTFeatures()(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self) -> None:
        super().__init__("mnist.safetensors")


class EmojiFeatures(_ShippedFeatures):
    """Classifier of the embedded emoji's style and group: gray or RGB images, 64 features. Needs no network.

    It was trained at 64 x 64 pixels, half of the images at the resolution of 32; others are resized to 64, and it is
    as good at 32 as at 64, but not below. The 36 classes are pairs of style and group, ``"noto/food-drink"``. ``facts``
    hold its accuracies for emoji of which it saw no variant: ``"test_accuracy_style"``, ``"test_accuracy_group"``. The
    first has a bound: where an OpenMoji drawing is black, color and outline are one picture. Made by
    ``python scripts/train_emoji_features.py --device cuda --output emoji.safetensors``.

    Args:
        style: With a style's name the logits are those of its groups alone, in the order of ``Emoji(style).classes``,
            so that they can be held against labels; without, those of all 36 classes. ``classes`` are their names.

    Raises:
        ConfigError: No such style.

    Example:
        >>> features, logits = EmojiFeatures()(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 36]))
        >>> EmojiFeatures("noto").classes[3]
        'noto/food-drink'
    """

    preprocessing = "uint8 in [0, 255] to float x / 127.5 - 1, gray repeated, antialiased bilinear to 64x64; version 1"
    gray_or_rgb = True

    def __init__(self, style: str | None = None) -> None:
        super().__init__("emoji.safetensors")
        names: list[str] = self.facts["classes"]
        styles = list(dict.fromkeys(name.split("/")[0] for name in names))
        if style is not None and style not in styles:
            raise ConfigError("style", style, f"choose one of {', '.join(styles)}")
        self._side = self.classifier.image_shape[1]
        self._chosen = [place for place, name in enumerate(names) if style in (None, name.split("/")[0])]
        self.classes = [names[place] for place in self._chosen]
        self.image_shape, self.num_classes = None, len(self.classes)
        self.structure = f"logits {self._chosen}"

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, 64)`` and logits ``(N, len(classes))``."""
        pixels, size = from_uint8(images).expand(-1, 3, -1, -1), (self._side, self._side)
        if images.shape[2:] != size:
            pixels = nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
        features, logits = self.classifier(pixels)
        return FeatureBatch(features, logits[:, self._chosen])

    def style_logits(self, logits: Tensor) -> tuple[list[str], Tensor]:
        """Names of S styles, and logits (N, S) from those (N, K) of the classes: as likely as its classes together."""
        return self._summed(logits, 0)

    def group_logits(self, logits: Tensor) -> tuple[list[str], Tensor]:
        """Names of G groups, and their logits (N, G), likewise."""
        return self._summed(logits, 1)

    def _summed(self, logits: Tensor, part: int) -> tuple[list[str], Tensor]:
        kinds = [name.split("/")[part] for name in self.classes]
        names = list(dict.fromkeys(kinds))
        columns = [[place for place, kind in enumerate(kinds) if kind == name] for name in names]
        return names, torch.stack([logits[:, column].logsumexp(dim=1) for column in columns], dim=1)
