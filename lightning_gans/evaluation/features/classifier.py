"""A small convolutional classifier whose penultimate layer serves as features; its file format."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch

VERSION = 1  # raised whenever the layers of Classifier change: older files are then refused, not misread
_SIZES = ("image_shape", "num_classes", "width", "num_features")
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

    Example:
        >>> classifier = Classifier((1, 8, 8), num_classes=10).eval()
        >>> features, logits = classifier(torch.zeros(5, 1, 8, 8))
        >>> features.shape, logits.shape
        (torch.Size([5, 64]), torch.Size([5, 10]))
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
        layers: list[nn.Module] = [_convolution(channels, width, stride=1)]
        channels = width
        while min(height, pixels_wide) > 4:
            layers.append(_convolution(channels, 2 * width, stride=2))
            channels, height, pixels_wide = 2 * width, (height + 1) // 2, (pixels_wide + 1) // 2
        self.convolutions = nn.Sequential(*layers)
        self.project = nn.Linear(channels * height * pixels_wide, num_features, bias=False)
        self.normalize = nn.BatchNorm1d(num_features, affine=False)
        self.register_buffer("feature_std", torch.tensor(3.0))  # in the file, hence in the fingerprint
        self.head = nn.Linear(num_features, num_classes)

    def forward(self, images: Tensor) -> FeatureBatch:
        """Features (N, D) and logits (N, K) of images (N, C, H, W), floats in [-1, 1]."""
        hidden = self.convolutions(images).flatten(1)
        standard = self.normalize(self.project(hidden))  # (N, D), mean 0, std 1
        return FeatureBatch(self.feature_std * standard, self.head(nn.functional.silu(standard)))


def _convolution(inputs: int, outputs: int, *, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
    )


def save_classifier(classifier: Classifier, path: str | Path, facts: Mapping[str, Any]) -> None:
    """Write weights and facts to one safetensors file; the same input gives the same bytes.

    Facts are whatever JSON holds: name, data, seed, test accuracy, ...; sizes and the format's version are added.
    """
    sizes = {name: getattr(classifier, name) for name in _SIZES}
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
        classifier = Classifier(**sizes)
    classifier.load_state_dict(state)
    return classifier.eval(), facts
