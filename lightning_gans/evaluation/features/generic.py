"""Extractors without weights of ours: points as they are, and any module of the user's."""

import copy
import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor, describe

NUM_SCALES = 3  # of random features: full size, half, quarter
DEPTH = 3  # convolutions at each scale
NUM_FILTERS = 16  # of every convolution
GRID = 2  # means are taken over the four quarters of an image
KERNEL = 3
MAX_CHANNELS = 16  # with filters of their own; further ones share them
GAIN = 10.0  # brings Frechet distances of images into readable numbers
MIN_SIDE = 8  # leaves 2 x 2 pixels for the four quarters at the coarsest scale
_FRACTION = 4096  # weights are multiples of 1 / 4096, so that processors agree on them to the last bit


class IdentityFeatures(FeatureExtractor):
    """Points are their own features: for mixtures in the plane, or vectors that were extracted elsewhere.

    Args:
        name: Name in metrics.
    """

    preprocessing = "float points (N, d) as they are; version 1"

    def __init__(self, name: str = "identity") -> None:
        super().__init__(name)

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of float points (N, d)."""
        if not images.is_floating_point() or images.ndim != 2:
            raise ConfigError("points", describe(images), "identity features take float points (N, d)")

    def extract(self, images: Tensor) -> FeatureBatch:
        """The points (N, d); half precision becomes float32, float64 stays."""
        return FeatureBatch(images.to(torch.promote_types(images.dtype, torch.float32)))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The points (N, d)."""
        self.check(images)
        return [images]


class ModuleFeatures(FeatureExtractor):
    """Any module that maps uint8 images to features; it does its own preprocessing.

    The module is copied and frozen: further training, or another mode, of the original changes no metric. The
    fingerprint covers the copy's weights and its printed structure, but not the code of its ``forward``.

    Args:
        module: Maps ``(N, C, H, W)`` uint8 images to features ``(N, D)``, or to a pair (features, logits ``(N, K)``).
        name: Name in metrics (``metrics/fid_<name>``).
        version: Part of the fingerprint; raise it when the code of the module changes.
        kwargs: ``image_shape`` and ``num_classes`` of ``FeatureExtractor``; the second is needed with logits.

    Example:
        >>> class Pixels(nn.Module):
        ...     def forward(self, images):
        ...         return images.flatten(1).float()
        >>> ModuleFeatures(Pixels(), name="pixels")(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).features.shape
        torch.Size([2, 64])
    """

    def __init__(self, module: nn.Module, *, name: str, version: int = 1, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.preprocessing = f"{type(module).__qualname__}'s own, version {version}"
        self.structure = re.sub(r" at 0x[0-9a-f]+", "", repr(module))  # addresses differ from process to process
        self.module = copy.deepcopy(module)
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features (N, D) and logits (N, K) or None, in float32.

        Raises:
            ConfigError: The module returns something else.
        """
        output = self.module(images)
        features, logits = (output, None) if isinstance(output, Tensor) else output
        self._check_output("features", features, (len(images), "D"))
        if logits is None:
            return FeatureBatch(features.float())
        if self.num_classes is None:
            raise ConfigError("num_classes", None, f"the module returns logits {describe(logits)}; name their count")
        self._check_output("logits", logits, (len(images), self.num_classes))
        return FeatureBatch(features.float(), logits.float())

    def _check_output(self, kind: str, output: Tensor, wanted: tuple[int, int | str]) -> None:
        fits = output.ndim == 2 and len(output) == wanted[0] and wanted[1] in ("D", output.shape[1])
        if not fits or not output.is_floating_point():
            needed = f"float ({wanted[0]}, {wanted[1]})"
            hint = f"returned {kind} {describe(output)} where {needed} is needed; flatten or convert it in forward"
            raise ConfigError("module", type(self.module).__name__, hint)


class StackedFeatures(FeatureExtractor):
    """An extractor of gray images applied to each channel: features side by side, logits for every combination.

    The logit of a combination of classes is the sum of its channels' log-probabilities: channels are classified by
    themselves, as for Stacked MNIST (Srivastava et al. 2017, arXiv:1705.07761, section 5.2).

    Args:
        extractor: Of gray images (N, 1, H, W), with K classes.
        name: Name in metrics.
        channels: Number of channels C; there are K^C classes.

    Raises:
        ConfigError: The extractor takes other images than gray ones, or knows no classes.
    """

    def __init__(self, extractor: FeatureExtractor, name: str, channels: int) -> None:
        shape, classes = extractor.image_shape, extractor.num_classes
        if shape is None or shape[0] != 1 or classes is None:
            raise ConfigError("extractor", extractor.name, "must be made for gray images (1, H, W) and know classes")
        super().__init__(name, image_shape=(channels, *shape[1:]), num_classes=classes**channels)
        self.preprocessing = f"channel by channel: {extractor.preprocessing}"
        self.structure = extractor.fingerprint
        self.extractor, self.channels = extractor, channels
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features (N, C D) and logits (N, K^C)."""
        features, logits = self.extractor(images.flatten(0, 1)[:, None])
        assert logits is not None
        first, *others = logits.log_softmax(1).unflatten(0, (-1, self.channels)).unbind(1)  # (N, K) each
        joint = first
        for other in others:
            joint = (joint[:, :, None] + other[:, None]).flatten(1)  # (N, K^2), ...
        return FeatureBatch(features.unflatten(0, (-1, self.channels)).flatten(1), joint)


class RandomFeatures(FeatureExtractor):
    """Means of random convolutions at three scales: for images that no shipped classifier knows. Needs no network.

    At scale s the image x_s is averaged over 2^s x 2^s pixels, and its features are

        f_s = 10 * mean of h_3 over each quarter of the image, where h_0 = x_s, h_i = relu(W_si * h_(i-1))

    with 16 filters of 3 x 3 pixels each, normal with variance 2 / (inputs * 9) (He et al. 2015, arXiv:1502.01852), no
    bias, no stride, borders repeated; the first layer's filters sum to 0 for every channel, so they see edges and no
    plain ground. In all 3 * 16 * 4 = 192 features. Random filters go a long way in comparing textures (Ustyuzhaninov
    et al. 2017, arXiv:1606.00021). No class bends them, so they follow the eye where a classifier's features may not:
    on 391 emoji faces of 32 x 32 pixels the Frechet distance, in units of real against real, is 7 for a blur of one
    pixel, 12 for 1.5, 39 for 4, and 17 to 21 for blobs (blur 3) under speckle. They are no common measure: compare
    distances under one seed, for images of one size.

    Args:
        seed: Draws the filters.
        name: Name in metrics.
    """

    preprocessing = "uint8 in [0, 255] to float x / 127.5 - 1, halved by 2x2 means from scale to scale; version 1"

    def __init__(self, seed: int = 0, *, name: str = "random") -> None:
        super().__init__(name)
        self.structure = f"{NUM_SCALES} scales of {DEPTH} convolutions, gain {GAIN}, grid {GRID}"
        generator = torch.Generator().manual_seed(seed)
        for scale in range(NUM_SCALES):
            for layer in range(DEPTH):
                inputs = NUM_FILTERS if layer else MAX_CHANNELS
                filters = torch.randn(NUM_FILTERS, inputs, KERNEL, KERNEL, generator=generator)
                filters = filters if layer else filters - filters.mean(dim=(2, 3), keepdim=True)
                self.register_buffer(f"filters_{scale}_{layer}", (filters * _FRACTION).round() / _FRACTION)
        self.freeze()

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of uint8 images of 8 x 8 pixels or more."""
        super().check(images)
        if min(images.shape[2:]) < MIN_SIDE:
            hint = f"random features take {MIN_SIDE} x {MIN_SIDE} pixels or more"
            raise ConfigError("images", describe(images), hint)

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features (N, 192): 64 of each scale, the finest first; no classes."""
        quarters = [nn.functional.adaptive_avg_pool2d(each, GRID).flatten(1) for each in self.extract_maps(images)]
        return FeatureBatch(GAIN * torch.cat(quarters, dim=1))

    def extract_maps(self, images: Tensor) -> list[Tensor]:
        """The last layer (N, 16, h, w) of each scale, before means are taken."""
        pixels, found = images.float().div(127.5).sub(1), []
        for scale in range(NUM_SCALES):
            hidden = pixels
            for layer in range(DEPTH):
                hidden = self._convolve(hidden, self.get_buffer(f"filters_{scale}_{layer}")).relu()
            found.append(hidden)
            pixels = nn.functional.avg_pool2d(pixels, 2)
        return found

    @staticmethod
    def _convolve(images: Tensor, filters: Tensor) -> Tensor:
        channels = images.shape[1]
        chosen = filters[:, torch.arange(channels, device=filters.device) % filters.shape[1]]
        padded = nn.functional.pad(images, (KERNEL // 2,) * 4, mode="replicate")
        return nn.functional.conv2d(padded, chosen) * math.sqrt(2 / (channels * KERNEL**2))
