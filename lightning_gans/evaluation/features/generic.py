"""Extractors without weights of ours: points as they are, and any module of the user's."""

import copy
import re
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor, describe


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
