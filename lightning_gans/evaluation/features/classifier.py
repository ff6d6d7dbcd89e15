"""Features of small classifiers, five of which come with the package: the network, its file format, the extractors."""

import itertools
import json
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor, describe
from lightning_gans.images import from_uint8

VERSION = 1  # raised whenever the layers of Classifier change: older files are then refused, not misread
_SIZES = ("image_shape", "num_classes", "width", "num_features")
_PART = 10 * 2**20  # bytes of a layer's output; a CPU's allocator gets larger ones from the system anew each time
_HEADER = "lightning_gans.classifier"  # one key: safetensors writes several in random order, one file is one sequence


class Classifier(nn.Module):
    """Convolutions at stride 2 down to 4x4 pixels, then D features, then K logits.

    The features are the *input* of the last nonlinearity, normalized without learned scale: over the training images
    every feature has mean 0 and standard deviation about 3. No feature can die at a ReLU's zero and none
    can outgrow the others, and both matter to a Frechet distance, which adds up variances (here 64 * 9 = 576 in total).

    Args:
        image_shape: ``(C, H, W)``.
        num_classes: K, two or more.
        width: Channels of the first convolution; the others have twice as many.
        num_features: D.

    Raises:
        ConfigError: A size cannot work.
    """

    feature_std: Tensor

    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, *, width: int = 24, num_features: int = 64
    ) -> None:
        super().__init__()
        channels, height, pixels_wide = image_shape
        if channels < 1 or min(height, pixels_wide) < 4:
            raise ConfigError("image_shape", image_shape, "needs a channel and at least 4x4 pixels: (C, H, W)")
        if num_classes < 2:
            raise ConfigError("num_classes", num_classes, "a classifier needs two classes or more")
        self.image_shape, self.num_classes = image_shape, num_classes
        self.width, self.num_features = width, num_features
        self.convolutions, outputs = self._stacked()
        self.project = nn.Linear(outputs, num_features, bias=False)
        self.normalize = nn.BatchNorm1d(num_features, affine=False)
        self.register_buffer("feature_std", torch.tensor(3.0))  # in the file, hence in the fingerprint
        self.head = nn.Linear(num_features, num_classes)

    def forward(self, images: Tensor) -> FeatureBatch:
        """Features (N, D) and logits (N, K) of images (N, C, H, W), floats in [-1, 1]."""
        standard = self.normalize(self.project(self.convolutions(images).flatten(1)))  # (N, D), mean 0, std 1
        return FeatureBatch(self.feature_std * standard, self.head(nn.functional.silu(standard)))

    def _stacked(self) -> tuple[nn.Sequential, int]:
        """The convolutions, and how many numbers they make of an image."""
        channels, height, pixels_wide = self.image_shape
        layers: list[nn.Module] = [_convolution(channels, self.width, stride=1)]
        channels = self.width
        while min(height, pixels_wide) > 4:
            layers.append(_convolution(channels, 2 * self.width, stride=2))
            channels, height, pixels_wide = 2 * self.width, (height + 1) // 2, (pixels_wide + 1) // 2
        return nn.Sequential(*layers), channels * height * pixels_wide


class PooledClassifier(Classifier):
    """The same features and logits behind six convolutions at stride 1, averages by 2, and a mean over all pixels.

    The gradient of a strided convolution is a checkerboard; that of an average is not, so that the maps between these
    layers can be a loss. Images may have any height and width from 4 on. Channels: ``width``, twice, four times.
    """

    def _stacked(self) -> tuple[nn.Sequential, int]:
        widths = [self.image_shape[0], *(self.width * factor for factor in (1, 1, 2, 2, 4, 4))]
        layers = [_convolution(inputs, outputs, stride=1) for inputs, outputs in itertools.pairwise(widths)]
        stages: list[nn.Module] = [*layers[:2], nn.AvgPool2d(2), *layers[2:4], nn.AvgPool2d(2), *layers[4:]]
        faster = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1)).to(memory_format=torch.channels_last)
        return faster, widths[-1]


_NETWORKS = {kind.__name__: kind for kind in (Classifier, PooledClassifier)}


def _convolution(inputs: int, outputs: int, *, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
    )


def save_classifier(classifier: Classifier, path: str | Path, facts: Mapping[str, Any]) -> None:
    """Write weights and facts to one safetensors file; the same input gives the same bytes.

    Facts are whatever JSON holds: name, data, seed, test accuracy, ...; sizes and the format's version are added.
    """
    sizes = {name: getattr(classifier, name) for name in _SIZES}
    if type(classifier) is not Classifier:  # files of that one are older than this entry
        sizes["network"] = type(classifier).__name__
    state = {key: value.detach().cpu().contiguous() for key, value in classifier.state_dict().items()}
    header = json.dumps({**facts, **sizes, "version": VERSION}, sort_keys=True)
    Path(path).write_bytes(save(state, metadata={_HEADER: header}))


def load_classifier(path: str | Path) -> tuple[Classifier, dict[str, Any]]:
    """The classifier in a file of ``save_classifier``, in eval mode, and its facts; nothing in the file is executed.

    Raises:
        ConfigError: No such file, not such a file, or one of another version.
    """
    make = "make one with `python -m lightning_gans.evaluation.features.train`"
    if not Path(path).is_file():
        raise ConfigError("weights", str(path), f"no such file; {make}")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_HEADER)
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise ConfigError("weights", str(path), f"not a readable safetensors file ({error}); {make}") from None
    if header is None:
        raise ConfigError("weights", str(path), f"holds no classifier of this package; {make}")
    facts: dict[str, Any] = json.loads(header)
    if facts["version"] != VERSION:
        hint = f"has format version {facts['version']}, this release reads {VERSION}; {make}"
        raise ConfigError("weights", str(path), hint)
    sizes = {name: facts[name] for name in _SIZES} | {"image_shape": tuple(facts["image_shape"])}
    with torch.random.fork_rng(devices=[]):  # the initial weights are drawn, then overwritten
        classifier = _NETWORKS[facts.get("network", "Classifier")](**sizes)
    classifier.load_state_dict(state)
    return classifier.eval(), facts


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
        name = facts.get("name", Path(weights).stem) if name is None else name
        super().__init__(name, image_shape=classifier.image_shape, num_classes=classifier.num_classes)
        self.classifier, self.facts = classifier, facts
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, D)`` and logits ``(N, K)``."""
        return FeatureBatch(*self.classify(from_uint8(images)))

    def classify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of floats in [-1, 1], part by part: the same bits in less time."""
        rows = _PART // (self.classifier.width * images.shape[-2:].numel() * images.element_size())
        features, logits = zip(*map(self.classifier, images.split(max(1, rows))), strict=True)
        return torch.cat(features), torch.cat(logits)


class _ShippedFeatures(ClassifierFeatures):
    def __init__(self, file: str) -> None:
        with as_file(files(__package__) / "weights" / file) as path:
            super().__init__(path)


class _GrayFeatures(_ShippedFeatures):
    def __init__(self, file: str, image_size: int, channels: int) -> None:
        super().__init__(file)
        self._side = self.classifier.image_shape[1]
        if image_size < self._side or image_size % self._side:
            raise ConfigError("image_size", image_size, f"must be a multiple of {self._side}")
        self.image_shape = (channels, image_size, image_size)
        averaged = [f"{image_size} pixels averaged to {self._side}"] if image_size > self._side else []
        averaged += [f"{channels} channels averaged"] if channels > 1 else []
        self.structure = ", ".join(averaged)

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, 64)`` and logits ``(N, 10)``."""
        gray = from_uint8(images).mean(1, keepdim=True)
        return FeatureBatch(*self.classify(nn.functional.avg_pool2d(gray, images.shape[-1] // self._side)))


class DigitsFeatures(_GrayFeatures):
    """Classifier of scikit-learn's digits: 8x8 grayscale images, 10 classes, 64 features. Needs no network.

    Trained on four fifths of the images; ``facts["test_accuracy"]`` is that on the rest. Made by
    ``python -m lightning_gans.evaluation.features.train --data digits --output digits.safetensors``.

    Args:
        image_size: Height and width of the images, a multiple of 8; larger ones are averaged to 8x8.
        channels: Of the images; their mean is taken.

    Raises:
        ConfigError: The size is no such multiple.

    Example:
        >>> features, logits = DigitsFeatures()(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    def __init__(self, image_size: int = 8, channels: int = 1) -> None:
        super().__init__("digits.safetensors", image_size, channels)


class ColoredDigitsFeatures(_ShippedFeatures):
    """Classifier of the colored digits of ``UnpairedDigits``: 32x32 RGB images, 10 classes, 64 features.

    Trained on eight colorings of the digits that are not held out; ``facts["test_accuracy"]`` is that on those that
    are. Made by ``python scripts/train_colored_digits_features.py --output colored_digits.safetensors``.
    """

    def __init__(self) -> None:
        super().__init__("colored_digits.safetensors")


class MNISTFeatures(_GrayFeatures):
    """Classifier of MNIST: 28x28 grayscale images, 10 classes, 64 features. Needs no network.

    ``facts["test_accuracy"]`` is that on MNIST's 10,000 test images. Made by
    ``python -m lightning_gans.evaluation.features.train --data mnist --root DIR --output mnist.safetensors``.

    Args:
        image_size: As of ``DigitsFeatures``, a multiple of 28.
        channels: Likewise.

    Raises:
        ConfigError: The size is no such multiple.
    """

    def __init__(self, image_size: int = 28, channels: int = 1) -> None:
        super().__init__("mnist.safetensors", image_size, channels)


class CIFAR10Features(_ShippedFeatures):
    """Classifier of CIFAR-10's photographs: gray or RGB images of any size, 10 classes, 64 features. Needs no network.

    Images are not resized, and a feature is a mean over all pixels: of 32 x 32 it says what CIFAR-10 shows, of larger
    ones what their parts of 32 pixels look like. So compare distances for images of one size. ``facts`` hold the
    accuracy on the 10,000 test images of the copy that it was trained on, in JPEG files: ``"test_accuracy"``. Made by
    ``python scripts/train_cifar10_features.py --root DIR --output cifar10.safetensors``.

    Example:
        >>> features, logits = CIFAR10Features()(torch.zeros(2, 3, 48, 32, dtype=torch.uint8))
        >>> features.shape, logits.shape
        (torch.Size([2, 64]), torch.Size([2, 10]))
    """

    preprocessing = "uint8 in [0, 255] to float x / 127.5 - 1, gray repeated, no resizing; version 1"
    gray_or_rgb = True

    def __init__(self) -> None:
        super().__init__("cifar10.safetensors")
        self.image_shape = None

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of gray or RGB uint8 images of 4 x 4 pixels or more."""
        super().check(images)
        if min(images.shape[2:]) < 4:
            raise ConfigError("images", describe(images), f"features {self.name!r} take 4 x 4 pixels or more")

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, 64)`` and logits ``(N, 10)``."""
        return FeatureBatch(*self.classify(from_uint8(images).expand(-1, 3, -1, -1)))


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
        features, logits = self.classify(pixels)
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
