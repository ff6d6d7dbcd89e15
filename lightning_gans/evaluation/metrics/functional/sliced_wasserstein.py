"""Sliced Wasserstein distance of the patches of two sets of images, scale by scale."""

from collections.abc import Iterator
from functools import reduce
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError

PATCH_SIDE, NUM_PATCHES, MIN_SIDE = 7, 128, 16  # pixels, of an image and level, pixels of the last level
NUM_DRAWS, NUM_DIRECTIONS = 4, 128  # 512 in all
SCALE = 1000  # as the paper's tables have them
_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # Burt and Adelson 1983, a = 3/8
_MIN_STD = 1e-3  # of 255 levels: less is rounding of what has no texture
_AT_ONCE = 64  # images
_PROJECTED = 2**24  # numbers sorted at once


def sliced_wasserstein(first: Tensor, second: Tensor, seed: int = 0) -> Tensor:
    """Sliced Wasserstein-1 distance of two sets of as many points (N, D), a float64 scalar.

        mean over directions u of mean_i |x_(i) - y_(i)|, the x_(i) being the sorted u . x

    over 4 draws of 128 directions, uniform on the sphere (Rabin et al. 2011; Karras et al. 2018, arXiv:1710.10196,
    section 5). On the CPU, of float32 projections.

    Raises:
        ConfigError: The sets differ in number or dimension.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [5.0]])
        >>> sliced_wasserstein(x, torch.tensor([[7.0], [0.0], [2.0]]))  # |0 - 0| + |1 - 2| + |5 - 7| over 3
        tensor(1., dtype=torch.float64)
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) == 0:
        raise ConfigError("second", tuple(second.shape), f"must be points as the first, {tuple(first.shape)}")
    random, (count, dim) = torch.Generator().manual_seed(seed), first.shape
    sides = [points.cpu().float() for points in (first, second)]
    total = 0.0
    for _ in range(NUM_DRAWS):
        directions = F.normalize(torch.randn(NUM_DIRECTIONS, dim, generator=random), dim=1)
        for some in directions.split(max(1, _PROJECTED // count)):
            one, other = (np.sort((some @ points.T).numpy(), axis=1) for points in sides)  # (directions, N)
            total += float(np.abs(one - other).sum(dtype=np.float64))
    return torch.tensor(total / (NUM_DRAWS * NUM_DIRECTIONS * count), dtype=torch.float64)


def sliced_wasserstein_by_level(real: Tensor, fake: Tensor, seed: int = 0) -> dict[int, Tensor]:
    """Sliced Wasserstein distances times 1000 of as many real and fake images, by the level's shorter side in pixels.

    Karras et al. 2018, arXiv:1710.10196, section 5: levels of the Laplacian pyramid from the images' size down to 16
    pixels; 128 patches of 7 x 7 pixels of each image and level, whose channels are brought to mean 0 and standard
    deviation 1 over each set; ``sliced_wasserstein`` of these. A channel without any texture at a level stays 0. Both
    sets are cut at the same places, which the seed draws, so that equal sets are at 0. Only a level's patches are in
    memory at once. uint8 images (N, C, H, W).

    Raises:
        ConfigError: Images are not uint8 or smaller than 16 pixels, or the sets differ in shape.
    """
    for name, images in (("real", real), ("fake", fake)):
        given = f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
        if images.dtype != torch.uint8 or images.ndim != 4 or min(images.shape[2:]) < MIN_SIDE or len(images) == 0:
            hint = f"uint8 images (N, C, H, W) of {MIN_SIDE} x {MIN_SIDE} pixels or more are needed"
            raise ConfigError(name, given, hint)
    if real.shape != fake.shape:
        raise ConfigError("fake", tuple(fake.shape), f"must be as many images of one size as real, {tuple(real.shape)}")
    found: dict[int, Tensor] = {}
    for level, side in enumerate(_sides(min(real.shape[2:]))):
        patches = [_normalized_patches(images, level, seed) for images in (real, fake)]
        found[side] = SCALE * sliced_wasserstein(patches[0], patches[1], seed)
    return found


def laplacian_pyramid(images: Tensor) -> Iterator[Tensor]:
    """Levels (N, C, h, w) of float images (N, C, H, W): what each scale adds to the next smaller one, at last the rest.

    Burt and Adelson 1983, with the 5 x 5 binomial filter, mirrored at borders, from the images' size down to 16 pixels;
    odd sides are halved upwards.

    Example:
        >>> [tuple(level.shape[2:]) for level in laplacian_pyramid(torch.zeros(1, 1, 64, 70))]
        [(64, 70), (32, 35), (16, 18)]
    """
    for _ in _sides(min(images.shape[2:]))[1:]:
        smaller = _smoothed(images)[:, :, ::2, ::2]
        spread = torch.zeros_like(images)
        spread[:, :, ::2, ::2] = 4 * smaller
        yield images - _smoothed(spread)
        images = smaller
    yield images


def _sides(side: int) -> list[int]:
    """Sides of the levels, the smallest at least 16."""
    return [side] if side <= 2 * (MIN_SIDE - 1) else [side, *_sides(-(-side // 2))]


def _smoothed(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = reduce(torch.add, (tap * padded[:, :, i : i + height] for i, tap in enumerate(_TAPS)))
    return reduce(torch.add, (tap * rows[..., i : i + width] for i, tap in enumerate(_TAPS)))


def _normalized_patches(images: Tensor, level: int, seed: int) -> Tensor:
    """Patches (N * 128, C * 49) of a level, each channel with mean 0 and standard deviation 1 over all."""
    random = torch.Generator().manual_seed(seed + level)
    parts = [_patches(part.cpu().float(), level, random) for part in images.split(_AT_ONCE)]
    patches = torch.cat(parts)  # (N * 128, C, 7, 7)
    std, mean = torch.std_mean(patches, dim=(0, 2, 3), correction=0, keepdim=True)
    return patches.sub_(mean).div_(torch.where(std > _MIN_STD, std, 1.0)).flatten(1)


def _patches(images: Tensor, level: int, random: torch.Generator) -> Tensor:
    """128 patches (N * 128, C, 7, 7) of each image's level, at random places."""
    found = next(islice(laplacian_pyramid(images), level, None))
    windows = found.unfold(2, PATCH_SIDE, 1).unfold(3, PATCH_SIDE, 1)  # (N, C, h - 6, w - 6, 7, 7), a view
    rows, columns = (torch.randint(n, (len(images), NUM_PATCHES), generator=random) for n in windows.shape[2:4])
    return windows[torch.arange(len(images))[:, None], :, rows, columns].flatten(0, 1)
