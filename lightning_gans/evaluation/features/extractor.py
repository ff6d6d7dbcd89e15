"""The contract of every feature extractor: uint8 images in, features and class logits out."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8

INCEPTION = "inception"  # the extractor that papers mean when they name none
_EXACT = ("none", "ieee")  # "none" is float32 where no wider setting says otherwise; PyTorch reports the resolved value


class FeatureBatch(NamedTuple):
    """What an extractor says about N images: features (N, D), class logits (N, K) or None where it knows no classes."""

    features: Tensor
    logits: Tensor | None = None

    def rows(self, which: Tensor | slice) -> "FeatureBatch":
        """What it says about some of them."""
        return FeatureBatch(self.features[which], None if self.logits is None else self.logits[which])


class FeatureExtractor(nn.Module, ABC):
    """Maps uint8 images to features; a fixed function, whatever the program around it does.

    It is always in eval mode, records no gradients, draws no random numbers and computes in full float32:
    ``train()``, ``half()``, autocast and TF32 of a surrounding model do not reach it. One call per batch gives
    features and logits together, so no image is ever run twice. Features of an image do not depend on the other
    images of its batch, up to float32 rounding (about 1e-6 relative, since kernels sum in another order).

    A subclass sets ``preprocessing`` and writes ``extract``; it calls ``freeze`` once its weights are there.

    Args:
        name: Used in metric names (``metrics/fid_<name>``): letters, digits, ``_`` and ``-``.
        image_shape: ``(C, H, W)`` of the images it takes, or None for any.
        num_classes: K, the number of logits, or None where there are none.

    Raises:
        ConfigError: The name has other characters.

    Example:
        >>> class MeanColor(FeatureExtractor):
        ...     preprocessing = "uint8 to float in [0, 255], version 1"
        ...     def extract(self, images: Tensor) -> FeatureBatch:
        ...         return FeatureBatch(images.float().mean(dim=(2, 3)))
        >>> extractor = MeanColor("mean_color")
        >>> extractor(torch.full((1, 3, 4, 4), 7, dtype=torch.uint8)).features, extractor.metric_suffix
        (tensor([[7., 7., 7.]]), '_mean_color')
    """

    preprocessing: str
    """What happens to the pixels before the first layer, with a version; part of the fingerprint, shown in reports."""

    structure: str = ""
    """What else the function depends on, beyond class and weights; part of the fingerprint."""

    gray_or_rgb: bool = False
    """Whether it takes images of one channel or of three, and no others."""

    if TYPE_CHECKING:  # torch leaves what a module returns untyped

        def __call__(self, images: Tensor) -> FeatureBatch: ...  # noqa: D102

    def __init__(
        self, name: str, *, image_shape: tuple[int, int, int] | None = None, num_classes: int | None = None
    ) -> None:
        super().__init__()
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ConfigError("name", name, "becomes part of metric names; use letters, digits, '_' and '-' only")
        self.name, self.image_shape, self.num_classes = name, image_shape, num_classes
        self._hashed: tuple[object, str] | None = None

    @abstractmethod
    def extract(self, images: Tensor) -> FeatureBatch:
        """Features (N, D) and logits (N, K) or None of checked uint8 images (N, C, H, W), on the extractor's device."""

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of images that this extractor takes.

        Raises:
            ConfigError: Not uint8, not 4-dimensional, not of ``image_shape``, or not ``gray_or_rgb`` where that is set.
        """
        given = describe(images)
        if images.dtype != torch.uint8:
            hint = "pass uint8 in [0, 255]; lightning_gans.images.to_uint8 converts floats in [-1, 1]"
            raise ConfigError("images", given, f"features {self.name!r} take uint8 images; {hint}")
        if images.ndim != 4:
            raise ConfigError("images", given, f"features {self.name!r} take a batch (N, C, H, W)")
        if self.image_shape is not None and tuple(images.shape[1:]) != tuple(self.image_shape):
            wanted = ", ".join(map(str, self.image_shape))
            hint = "resize or convert the images, or choose features made for their shape"
            raise ConfigError("images", given, f"features {self.name!r} take images of shape (N, {wanted}); {hint}")
        if self.gray_or_rgb and images.shape[1] not in (1, 3):
            hint = f"features {self.name!r} take gray or RGB images (N, 1 or 3, H, W)"
            raise ConfigError("images", given, hint)

    def forward(self, images: Tensor) -> FeatureBatch:
        """Features (N, D) and logits (N, K) or None, without gradient, of uint8 images (N, C, H, W) in [0, 255].

        Images are moved to the extractor's device first. N may be 0 where the network's layers allow it.

        Raises:
            ConfigError: The images have the wrong type, number of dimensions, channels or size.
        """
        self.check(images)
        images = images.to(self.device(default=images.device))
        with torch.no_grad(), full_precision(), torch.autocast(images.device.type, enabled=False):
            return self.extract(images)

    def maps(self, images: Tensor) -> list[Tensor]:
        """What two images are compared by in a distance: one tensor (N, D, ...) or several, here the features.

        Of float images (N, C, H, W) in [-1, 1], not rounded, with a gradient where ``extract`` leaves it.

        Raises:
            ConfigError: The images have the wrong channels or size.
        """
        self.check(to_uint8(images.detach()[:1]))
        with full_precision(), torch.autocast(images.device.type, enabled=False):
            return self.extract_maps((images.float() + 1) * 127.5)

    def extract_maps(self, images: Tensor) -> list[Tensor]:
        """Those of checked float images (N, C, H, W) in [0, 255], on the extractor's device."""
        return [self.extract(images).features]

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) over class, preprocessing and every weight: equal fingerprints compute equal features.

        Cached; an in-place change of a weight is noticed through PyTorch's version counter of that tensor.
        """
        weights = sorted(chain(self.named_parameters(), self.named_buffers()), key=lambda item: item[0])
        # Tensors of inference mode have no version.
        seen = [(key, value.data_ptr(), None if value.is_inference() else value._version) for key, value in weights]
        if self._hashed is None or self._hashed[0] != seen:
            facts = (type(self).__qualname__, self.preprocessing, self.structure, self.num_classes)
            digest = hashlib.sha256("\n".join(map(str, facts)).encode())
            for key, value in weights:  # also those that a state dict leaves out
                digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
                digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
            self._hashed = seen, digest.hexdigest()
        return self._hashed[1]

    @property
    def metric_suffix(self) -> str:
        """What follows a metric's name: ``"_digits"``, and nothing for Inception-v3, which papers mean by FID."""
        return "" if self.name == INCEPTION else f"_{self.name}"

    def device(self, default: torch.device) -> torch.device:
        """The device of the weights, or ``default`` where there are none."""
        return next((tensor.device for tensor in chain(self.parameters(), self.buffers())), default)

    def freeze(self) -> Self:
        """Switch off training behavior and gradients of all submodules; called at the end of ``__init__``."""
        return self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, even when a surrounding model switches to training."""
        return super().train(False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow a surrounding model to another device, but keep float32 when it changes its precision."""

        def keeping_dtype(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        follow: Callable[..., Self] = super()._apply
        return follow(keeping_dtype, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_hashed": None}  # addresses of tensors mean nothing in a copy


def describe(tensor: Tensor) -> str:
    """Type and shape of a tensor, as error messages show it: ``float32 (4, 3, 8, 8)``."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute in exact float32: no TF32, no bfloat16 shortcuts, no autotuned algorithms; restores all settings.

    TF32 keeps 10 bits of mantissa, so the same image would get different features on different devices.
    """
    cudnn = torch.backends.cudnn
    algorithms = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    exact = _exact_by_operator if hasattr(cudnn, "conv") else _exact_by_flag  # per operator from torch 2.9 on
    try:
        with exact():
            yield
    finally:
        cudnn.benchmark, cudnn.deterministic = algorithms


@contextmanager
def _exact_by_operator() -> Iterator[None]:
    backends: Any = torch.backends  # its stubs lack the operators
    operators = [backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv]
    before = [(operator, operator.fp32_precision) for operator in operators if operator.fp32_precision not in _EXACT]
    for operator, _ in before:
        operator.fp32_precision = "ieee"
    try:
        yield
    finally:
        for operator, precision in before:
            operator.fp32_precision = precision


@contextmanager
def _exact_by_flag() -> Iterator[None]:
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolution
