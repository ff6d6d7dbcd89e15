"""Metrics of what was enlarged, repaired or completed: images against what they should be, by the field's protocol."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.restoration import (
    MAX_PSNR,
    image_psnr,
    image_ssim,
    mean_laplacian,
    to_luma,
)


class Means(Metric):
    """Figures that are ratios of two sums over images: by default of a value over the number of images."""

    full_state_update = False
    higher_is_better = None  # each figure has a direction of its own
    higher_is_better_by_name: ClassVar[dict[str, bool | None]]
    sums: Tensor
    weights: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("sums", "weights"):
            zeros = torch.zeros(len(self.higher_is_better_by_name), dtype=torch.float64)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def _add(self, name: str, values: Tensor, weights: Tensor | None = None) -> None:
        """Values (N,), one an image, and what stands below them in the ratio."""
        place = [*self.higher_is_better_by_name].index(name)
        self.sums[place] += values.double().sum()
        self.weights[place] += len(values) if weights is None else weights.double().sum()

    def compute(self) -> dict[str, Tensor]:
        """The figures from all images of all processes, float64 on the CPU, without those that nothing is known of."""
        ratios = zip(self.higher_is_better_by_name, self.sums.cpu(), self.weights.cpu(), strict=True)
        return {name: total / weight for name, total, weight in ratios if weight > 0}


class RestorationQuality(Means):
    """Figures of restored images and of what they should be, all without a border of ``border`` pixels.

    ``psnr_y``, ``ssim_y``: on luma (``to_luma``) with a peak of 255, the figures of papers on super-resolution;
    ``psnr``, ``ssim``: on all channels with a peak of 1. All four are means over the images of each image's own figure
    (``image_psnr``, ``image_ssim``), not the figure of a pooled error.
    ``sharpness``: mean absolute Laplacian of the images' luma over that of their targets, both means over all images
    (``mean_laplacian``): 1 is right, below it is blur, above it noise or ringing. Absent where the targets have none.
    ``white_error``: mean absolute error in levels (0 to 255) over all values of the pixels that are pure white in the
    target. Absent where there are none.

    Args:
        border: Pixels at each side that do not count; in super-resolution the factor.
        kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        ConfigError: ``border`` is negative.
    """

    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        "psnr_y": True,
        "ssim_y": True,
        "psnr": True,
        "ssim": True,
        "sharpness": None,
        "white_error": False,
    }

    def __init__(self, border: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if border < 0:
            raise ConfigError("border", border, "cannot be negative; 0 for none")
        self.border = border

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of images and what they should be: floats in [0, 1], shape (N, 1 or 3, H, W).

        Raises:
            ConfigError: Other shapes, or less than SSIM's window is left within the border.
        """
        require_like(preds, target)
        rows, columns = (slice(self.border, side - self.border) for side in target.shape[2:])
        preds, target = preds[..., rows, columns], target[..., rows, columns]
        luma = to_luma(preds), to_luma(target)
        for suffix, pair, peak in (("_y", luma, 255.0), ("", (preds, target), 1.0)):
            self._add(f"ssim{suffix}", image_ssim(*pair, peak))
            self._add(f"psnr{suffix}", image_psnr(*pair, peak))
        self._add("sharpness", mean_laplacian(luma[0]), mean_laplacian(luma[1]))
        white = (target >= 1).all(1, keepdim=True)  # (N, 1, H, W)
        levels = 255 * (preds - target).abs().mean(1, keepdim=True)
        self._add("white_error", levels[white], white.flatten())


class HoleQuality(Means):
    """Figures of completed images inside what was missing, each a mean over images of its value in one image's hole.

    ``hole_l1`` and ``hole_l2``: mean absolute and mean squared error of images in [0, 1], over pixels and channels, in
    percent (Pathak et al. 2016, arXiv:1604.07379, table 1); ``hole_psnr``: -10 log10 of the mean squared error, in dB,
    at most ``MAX_PSNR``. Images without a hole do not count.
    """

    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        "hole_l1": False,
        "hole_l2": False,
        "hole_psnr": True,
    }

    def update(self, preds: Tensor, target: Tensor, mask: Tensor) -> None:
        """Add a batch of images and what they should be, floats in [0, 1], (N, C, H, W), and masks (N, 1, H, W).

        A mask is 1 where something is missing and 0 elsewhere.

        Raises:
            ConfigError: Shapes do not fit each other, or masks hold other numbers.
        """
        require_like(preds, target)
        if mask.shape != (len(target), 1, *target.shape[2:]):
            hint = f"images of shape {tuple(target.shape)} take masks (N, 1, H, W)"
            raise ConfigError("mask", tuple(mask.shape), hint)
        if not bool(((mask == 0) | (mask == 1)).all()):
            raise ConfigError("mask", "numbers between 0 and 1", "1 is missing, 0 is known")
        kept = mask.double().mean((1, 2, 3))  # (N,)
        there, error = kept > 0, mask * (preds - target)
        absolute = (error.abs().double().mean((1, 2, 3)) / kept)[there]
        squared = (error.double().square().mean((1, 2, 3)) / kept)[there]
        self._add("hole_l1", 100 * absolute)
        self._add("hole_l2", 100 * squared)
        self._add("hole_psnr", (-10 * squared.log10()).clamp_max(MAX_PSNR))


def require_like(preds: Tensor, target: Tensor) -> None:
    """Refuse what are not images (N, C, H, W) of their targets' shape."""
    if preds.shape != target.shape or preds.ndim != 4:
        hint = f"must be images (N, C, H, W) of the targets' shape, {tuple(target.shape)}"
        raise ConfigError("preds", tuple(preds.shape), hint)
