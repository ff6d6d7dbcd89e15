"""How many colors images have, and whether they are the right ones: histograms of hue."""

import math

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError

NUM_BINS = 12  # of 30 degrees each: the primary, secondary and tertiary colors
MIN_CHROMA = 0.15  # below it a pixel has no hue to speak of
MIN_WHITE = 0.9  # least channel of a pixel that counts as white


def hue_and_chroma(images: Tensor) -> tuple[Tensor, Tensor]:
    """Hue and chroma (N, H, W) of RGB images (N, 3, H, W) in [0, 1], as in the HSV model (Smith 1978, SIGGRAPH 12:12).

    Hue is in [0, 1), 0 at red, 1/3 at green, 2/3 at blue, and 0 where there is none; chroma is the largest channel
    minus the smallest (saturation times value), in [0, 1].

    Example:
        >>> red, yellow = torch.tensor([1.0, 0, 0]), torch.tensor([0.5, 0.5, 0])
        >>> hue, chroma = hue_and_chroma(torch.stack([red, yellow])[:, :, None, None])
        >>> hue.flatten(), chroma.flatten()
        (tensor([0.0000, 0.1667]), tensor([1.0000, 0.5000]))
    """
    red, green, blue = images.unbind(1)  # (N, H, W) each
    largest = images.amax(1)
    chroma = largest - images.amin(1)
    unit = torch.where(chroma > 0, chroma, 1)
    beyond_red = torch.where(largest == green, 2 + (blue - red) / unit, 4 + (red - green) / unit)
    sextant = torch.where(largest == red, (green - blue) / unit, beyond_red)
    return (sextant / 6).remainder(1), chroma


def fill_mask(images: Tensor, source: Tensor) -> Tensor:
    """Which pixels (N, H, W) are white in a drawing and colored in its picture: what was filled in.

    Black lines and white ground say nothing about colors. A pixel is colored where its chroma is above 0.15, white
    where none of its channels is below 0.9. Pictures (N, 3, H, W) and the drawings that they were made from
    (N, C, H, W) are floats in [0, 1].

    Raises:
        ConfigError: Images are not RGB or not in [0, 1], or the drawings have another size.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ConfigError("preds", tuple(images.shape), "hues are those of RGB images (N, 3, H, W)")
    if source.ndim != 4 or source.shape[0] != images.shape[0] or source.shape[2:] != images.shape[2:]:
        raise ConfigError("source", tuple(source.shape), f"must be one for each image of shape {tuple(images.shape)}")
    for name, part in (("preds", images), ("source", source)):
        lowest, highest = map(float, torch.aminmax(part)) if part.numel() else (0.0, 0.0)
        if not part.is_floating_point() or lowest < 0 or highest > 1:
            given = f"{str(part.dtype).removeprefix('torch.')} in [{lowest:g}, {highest:g}]"
            raise ConfigError(name, given, "hues are those of floats in [0, 1]")
    _, chroma = hue_and_chroma(images)
    return (source.amin(1) >= MIN_WHITE) & (chroma > MIN_CHROMA)


def hue_histogram(images: Tensor, source: Tensor, num_bins: int = NUM_BINS) -> Tensor:
    """Counts (num_bins,) of hues among the pixels that were filled in, see ``fill_mask``.

    Bins are of equal width, the first from red.

    Example:
        >>> pictures, drawings = torch.zeros(1, 3, 1, 3), torch.ones(1, 1, 1, 3)
        >>> pictures[0, 0], drawings[..., 2] = 1.0, 0.0  # three red pixels, one of them on a line
        >>> hue_histogram(pictures, drawings, num_bins=3)
        tensor([2, 0, 0])
    """
    counted = fill_mask(images, source)
    hue, _ = hue_and_chroma(images)
    bins = (hue[counted] * num_bins).long() % num_bins
    return torch.bincount(bins, minlength=num_bins)


def dominant_hue(images: Tensor, num_bins: int = NUM_BINS) -> Tensor:
    """Which hue most colored pixels of each RGB image (N, 3, H, W) in [0, 1] have: int64 (N,), -1 where none is.

    Bins are of equal width, red in the middle of the first. A pixel is colored where its chroma is above 0.15.

    Example:
        >>> images = torch.zeros(2, 3, 2, 2)
        >>> images[0, 1] = 1  # green
        >>> dominant_hue(images, num_bins=3)
        tensor([ 1, -1])
    """
    hue, chroma = hue_and_chroma(images)
    bins = (hue * num_bins).round().long() % num_bins
    counts = torch.stack([((bins == k) & (chroma > MIN_CHROMA)).sum((1, 2)) for k in range(num_bins)], dim=1)
    return torch.where(counts.sum(1) > 0, counts.argmax(1), -1)


def mean_colors(images: Tensor, mask: Tensor) -> Tensor:
    """Mean colors (n, 3) of pictures (N, 3, H, W) over the pixels of a mask (N, H, W).

    Pictures without such pixels have none and are left out.

    Example:
        >>> picture = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]]).T[None, :, None]  # a red and a green pixel
        >>> mean_colors(picture.repeat(2, 1, 1, 1), torch.tensor([[[True, True]], [[False, False]]]))
        tensor([[0.5000, 0.2500, 0.0000]])
    """
    counts = mask.sum((1, 2))
    there = counts > 0
    sums: Tensor = (images * mask[:, None]).sum((2, 3))
    return sums[there] / counts[there, None]


def histogram_entropy(counts: Tensor) -> Tensor:
    """Entropy in bits (a float64 scalar) of the shares of counts (K,): 0 for one color or none, log2 K for all alike.

    Example:
        >>> histogram_entropy(torch.tensor([3, 3, 0, 6]))
        tensor(1.5000, dtype=torch.float64)
    """
    nats: Tensor = torch.special.entr(_shares(counts)).sum()
    return nats / math.log(2)


def histogram_total_variation(first: Tensor, second: Tensor) -> Tensor:
    """Total variation distance ``sum_k |p_k - q_k| / 2`` of the shares of counts (K,): the part that had to move.

    A float64 scalar: 0 for equal shares, 1 where no bin has both. A histogram without counts has no shares: its
    distance to others is 0.5, to itself 0.

    Example:
        >>> histogram_total_variation(torch.tensor([1, 1, 2]), torch.tensor([2, 0, 0]))
        tensor(0.7500, dtype=torch.float64)
    """
    return (_shares(first) - _shares(second)).abs().sum() / 2


def _shares(counts: Tensor) -> Tensor:
    return counts.double() / counts.sum().clamp_min(1)
