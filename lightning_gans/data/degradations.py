"""How a small image is made from a large one: bicubic shrinking, alone or among further degradations."""

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from lightning_gans.data.datasets import Derivation
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8

SCALES = (2, 3, 4, 8)
_DEGRADATIONS = -4  # the stream of random numbers that they are drawn from


class Degradation(ABC):
    """Something that happens to an image before it is shown, at a strength that is drawn."""

    @abstractmethod
    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """An image (1, C, H, W), floats in [-1, 1] or a little beyond, degraded."""


class Blur(Degradation):
    """Convolution with a Gaussian, as wide in all directions; borders repeated.

    Args:
        sigma_min: Least standard deviation, in pixels of the image as it then is: after shrinking they are larger.
        sigma_max: Largest.

    Raises:
        ConfigError: They are not in this order, or negative.
    """

    def __init__(self, sigma_min: float = 0.1, sigma_max: float = 2.0) -> None:
        _check_range("sigma", sigma_min, sigma_max, 0, math.inf)
        self.sigma_min, self.sigma_max = sigma_min, sigma_max

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """See ``Degradation``."""
        sigma = _uniform(self.sigma_min, self.sigma_max, generator)
        reach = math.ceil(3 * sigma)
        places = torch.arange(-reach, reach + 1)
        kernel = torch.exp(-0.5 * (places / max(sigma, 1e-6)) ** 2)
        kernel = (kernel / kernel.sum()).view(1, 1, -1)
        channels = image.transpose(0, 1)  # (C, 1, H, W)
        padded = F.pad(channels, 4 * [reach], mode="replicate")
        blurred = F.conv2d(F.conv2d(padded, kernel[..., None]), kernel[:, :, None])
        return blurred.transpose(0, 1)


class Noise(Degradation):
    """Gaussian noise, of each pixel and channel by itself.

    Args:
        std_max: Largest standard deviation, in levels of 255; the least is 0.

    Raises:
        ConfigError: It is negative.
    """

    def __init__(self, std_max: float = 25.0) -> None:
        _check_range("std", 0, std_max, 0, math.inf)
        self.std_max = std_max

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """See ``Degradation``."""
        std = _uniform(0, self.std_max, generator) / 127.5
        return image + std * torch.randn(image.shape, generator=generator)


class JPEG(Degradation):
    """Compression as Pillow does it, at a quality in whole numbers.

    Args:
        quality_min: Least quality, from 1.
        quality_max: Largest, to 100.

    Raises:
        ConfigError: They are not in this order, or beyond 1 or 100.
    """

    def __init__(self, quality_min: int = 30, quality_max: int = 95) -> None:
        _check_range("quality", quality_min, quality_max, 1, 100)
        self.quality_min, self.quality_max = quality_min, quality_max

    def __call__(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """See ``Degradation``."""
        quality = int(torch.randint(self.quality_min, self.quality_max + 1, (), generator=generator))
        file = io.BytesIO()
        to_pil_image(to_uint8(image[0])).save(file, "JPEG", quality=quality)
        return from_uint8(pil_to_tensor(Image.open(file)))[None]


class Degrade(Derivation):
    """``"source"`` from ``"image"``: smaller by a factor, and degraded, rounded to levels of 8 bits.

    Args:
        scale: The factor: 2, 3, 4 or 8.
        degradations: What else happens. These and the shrinking come in an order that is drawn for each image, all
            orders alike, so that a blur may come before the shrinking or after it. As Zhang et al. 2021,
            arXiv:2103.14006, section 3.5, shuffle theirs; compression, which is last there, takes part here. Wang et
            al. 2021, arXiv:2107.10833, do theirs in a fixed order, twice: a kind that is given twice happens twice.

    Raises:
        ConfigError: It is another factor.
    """

    def __init__(self, scale: int, degradations: Sequence[Degradation] = ()) -> None:
        if scale not in SCALES:
            raise ConfigError("scale", scale, f"choose one of {', '.join(map(str, SCALES))}")
        self.scale, self.degradations = scale, tuple(degradations)

    def __call__(self, images: Tensor, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """Images (N, C, H, W) and sources (N, C, H / scale, W / scale)."""
        if not self.degradations:
            return {"image": images, "source": shrink_bicubic(images, self.scale)}
        seeds = [fold_in(seed, _DEGRADATIONS, row) for row in rows]
        return {"image": images, "source": torch.cat(list(map(self._degraded, images.split(1), seeds)))}

    def fingerprint(self) -> str:
        """Factor, kinds and strengths."""
        kinds = [(type(one).__name__, vars(one)) for one in self.degradations]
        return f"bicubic / {self.scale}, {kinds}"

    def _degraded(self, image: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        for place in torch.randperm(len(self.degradations) + 1, generator=generator).tolist():
            shrinks = place == len(self.degradations)
            image = shrink_bicubic(image, self.scale) if shrinks else self.degradations[place](image, generator)
        return from_uint8(to_uint8(image))


def shrink_bicubic(images: Tensor, scale: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] on the CPU, smaller by a factor that divides H and W, at levels of 8 bits.

    Antialiased, and rounded between rows and columns too: as Pillow's ``resize`` with ``BICUBIC``, but for one level
    here and there.

    Example:
        >>> tuple(shrink_bicubic(torch.ones(1, 3, 8, 12), 4).shape)
        (1, 3, 2, 3)
    """
    size = [side // scale for side in images.shape[2:]]
    # In floats alone the result differs from Pillow by up to 10 levels beside edges, where the first pass overshoots.
    small = F.interpolate(to_uint8(images), size, mode="bicubic", antialias=True, align_corners=False)
    return from_uint8(small)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _check_range(name: str, low: float, high: float, least: float, most: float) -> None:
    if not least <= low <= high <= most:
        bound = f"{least} or more" if most == math.inf else f"from {least} to {most}"
        raise ConfigError(f"{name}_max", high, f"must be {bound}, and not below {name}_min, {low}")
