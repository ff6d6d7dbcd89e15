"""Feature maps to compare images by in a loss: differentiable in the images, and no part of a checkpoint."""

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.classifier import load_classifier
from lightning_gans.evaluation.features.extractor import FeatureExtractor, describe

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's networks were trained


class FeatureMaps(nn.Module, ABC):
    """What frozen layers see in images: the content loss of Johnson et al. 2016, arXiv:1603.08155, compares it.

    The network is always in eval mode and follows a surrounding model to its device, but is none of its submodules:
    neither state dicts nor optimizers nor averages know of its weights, which the constructor's arguments bring back.

    Args:
        network: What is asked, in ``maps``.
        weights: The file that its weights are from.
        layers: Those whose maps are returned.
        channels: Of the images; gray ones are repeated.
    """

    if TYPE_CHECKING:  # torch leaves what a module returns untyped

        def __call__(self, images: Tensor) -> list[Tensor]: ...  # noqa: D102

    def __init__(self, network: nn.Module, weights: Path, layers: Sequence[object], channels: int = 3) -> None:
        super().__init__()
        self._hidden = (network.requires_grad_(False).eval(),)  # in a tuple torch does not look for modules
        self.layers, self.channels = tuple(layers), channels
        with weights.open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def network(self) -> nn.Module:
        """The frozen network."""
        return self._hidden[0]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps (N, D, h, w) of images (N, C, H, W) in [-1, 1], a list in the order of the layers.

        Raises:
            ConfigError: The images have other channels.
        """
        if images.ndim != 4 or images.shape[1] not in (1, self.channels):
            taken = " or ".join(map(str, sorted({1, self.channels})))
            hint = f"{type(self).__name__} takes images (N, {taken}, H, W)"
            raise ConfigError("images", describe(images), hint)
        return self.maps(images.expand(-1, self.channels, -1, -1))

    @abstractmethod
    def maps(self, images: Tensor) -> list[Tensor]:
        """Those of images that have been checked."""

    def provenance(self) -> dict[str, Any]:
        """What it is, which layers, and a hash of the file of weights."""
        return {"name": type(self).__name__, "layers": list(self.layers), "sha256": self._sha256}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """To another device or type, as a surrounding model goes."""
        self.network._apply(fn)
        follow: Callable[..., Self] = super()._apply
        return follow(fn, recurse)


Comparing = FeatureMaps | FeatureExtractor
"""What says how far images are apart: by maps, or by what an extractor has for maps."""


def maps_by(features: Comparing) -> Callable[[Tensor], list[Tensor]]:
    """From images (N, C, H, W) in [-1, 1] to what they are compared by."""
    return features if isinstance(features, FeatureMaps) else features.maps


def maps_distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """How far images are apart (N,): the squared difference of each of their maps, a mean over its entries, summed."""
    pairs = zip(one, other, strict=True)
    return torch.stack([(a - b).square().flatten(1).mean(1) for a, b in pairs]).sum(0)


class ClassifierMaps(FeatureMaps):
    """Convolutions of a classifier of ``lightning_gans train-features``, after batch norm, before the nonlinearity.

    None is strided, for the gradient of a strided convolution is a checkerboard: where the classifier's are, later
    layers take every second, fourth, ... pixel instead (Holschneider et al. 1989, the algorithme à trous), so that
    maps are as large as the images, and at every such pixel what the classifier sees. It costs what that says.

    Args:
        weights: The classifier's file.
        layers: Numbers of convolutions, from 1. The first two see edges and textures.

    Raises:
        ConfigError: The file is missing or another's, or there is no such layer.
    """

    def __init__(self, weights: str | Path, layers: Sequence[int] = (1, 2)) -> None:
        classifier, _ = load_classifier(weights)
        blocks = _dense(classifier.convolutions)
        count = sum(isinstance(block, nn.Sequential) for block in blocks)
        if not layers or not all(1 <= layer <= count for layer in layers):
            raise ConfigError("layers", list(layers), f"choose from 1 to {count}, the classifier's convolutions")
        super().__init__(blocks, Path(weights), sorted(set(layers)), classifier.image_shape[0])

    def maps(self, images: Tensor) -> list[Tensor]:
        """See ``FeatureMaps``; at half the size after each pooling, where the classifier pools."""
        found: list[Tensor] = []
        number, hidden = 0, images
        for block in self.network.children():
            if not isinstance(block, nn.Sequential):  # an average
                hidden = block(hidden)
                continue
            convolution, norm, nonlinearity = block
            linear, number = norm(convolution(hidden)), number + 1
            if number in self.layers:
                found.append(linear)
            if number == self.layers[-1]:
                break
            hidden = nonlinearity(linear)
        return found


def _dense(convolutions: nn.Sequential) -> nn.Sequential:
    """The same layers without strides; later ones are dilated by what earlier ones had."""
    blocks, dilation = copy.deepcopy(convolutions), 1
    for layer in blocks.modules():
        if isinstance(layer, nn.Conv2d):
            stride, layer.stride = layer.stride[0], (1, 1)
            layer.dilation = layer.padding = (dilation, dilation)
            dilation *= stride
    return blocks


class CIFAR10Maps(ClassifierMaps):
    """Those of the classifier of ``CIFAR10Features``, which comes with the package: an average halves them twice.

    Args:
        layers: From 1 to 6; the second and the fourth are the last before the averages. Values of each are about 1.
    """

    def __init__(self, layers: Sequence[int] = (2, 4)) -> None:
        with as_file(files(__package__) / "weights" / "cifar10.safetensors") as path:
            super().__init__(path, layers)


class VGG19Maps(FeatureMaps):
    """A convolution of VGG19 (Simonyan and Zisserman 2015, arXiv:1409.1556) before its ReLU, as ESRGAN compares it.

    Wang et al. 2018, arXiv:1809.00219, section 3.3; SRGAN's are taken after the ReLU (Ledig et al. 2017,
    arXiv:1609.04802, section 2.2.1), and are sparse. Images are normalized as ImageNet's. The weights (548 MB) do not
    come with this package; the file is read with ``weights_only=True``.

    Args:
        weights: File with torchvision's ``vgg19``.
        layer: ``conv<stage>_<number>``; the last one is ``"conv5_4"``.

    Raises:
        ConfigError: The file is missing or another network's, or there is no such layer.
    """

    def __init__(self, weights: str | Path, layer: str = "conv5_4") -> None:
        from torchvision.models import VGG19_Weights, vgg19  # here, since only this needs it

        with torch.device("meta"):  # no weight is drawn
            stack = vgg19().features
        places = _places(stack)
        if layer not in places:
            raise ConfigError("layer", layer, f"choose one of {', '.join(places)}")
        network = stack[: places[layer] + 1]
        source = f"fetch {VGG19_Weights.IMAGENET1K_V1.url} and give its path"
        if not Path(weights).is_file():
            raise ConfigError("weights", str(weights), f"no such file; {source}")
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            wanted = {name: state[f"features.{name}"].float().clone() for name in network.state_dict()}
            network.load_state_dict(wanted, assign=True)
        except (UnpicklingError, RuntimeError, KeyError, TypeError, AttributeError, EOFError, ValueError):
            raise ConfigError("weights", str(weights), f"not torchvision's vgg19; {source}") from None
        super().__init__(network, Path(weights), (layer,))

    def maps(self, images: Tensor) -> list[Tensor]:
        """See ``FeatureMaps``; at a sixteenth of the images' size after four poolings."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (_MEAN, _STD))
        return [self.network(((images + 1) / 2 - mean) / std)]


def _places(stack: nn.Sequential) -> dict[str, int]:
    """Numbers of VGG's convolutions in its stack, by their names in papers."""
    found: dict[str, int] = {}
    stage, number = 1, 0
    for place, layer in enumerate(stack):
        if isinstance(layer, nn.MaxPool2d):
            stage, number = stage + 1, 0
        elif isinstance(layer, nn.Conv2d):
            number += 1
            found[f"conv{stage}_{number}"] = place
    return found
