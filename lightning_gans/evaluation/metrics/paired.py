"""Figures of images that have a target: how near they are to it, and whether a picture has the colors of its target."""

import math
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, Metric
from torchmetrics.functional.image import peak_signal_noise_ratio
from torchmetrics.image import StructuralSimilarityIndexMeasure

from lightning_gans.evaluation.metrics.functional.hue import (
    MIN_CHROMA,
    MIN_WHITE,
    NUM_BINS,
    histogram_entropy,
    histogram_total_variation,
    hue_histogram,
)

MAX_PSNR = 10 * math.log10(12 * 255**2)  # 58.9 dB: what rounding to 8 bits leaves, 1/12 of a squared level


def paired_metrics() -> dict[str, Metric]:
    """``l1``, ``psnr`` and ``ssim`` of images in [0, 1], as means over the images.

    Example:
        >>> metrics = paired_metrics()
        >>> for metric in metrics.values():
        ...     metric.update(preds=torch.full((2, 3, 16, 16), 0.4), target=torch.full((2, 3, 16, 16), 0.5))
        >>> {name: round(float(metric.compute()), 3) for name, metric in metrics.items()}
        {'l1': 0.1, 'psnr': 20.0, 'ssim': 0.976}
    """
    return {
        "l1": MeanAbsoluteError(),
        "psnr": MeanPSNR(),
        "ssim": StructuralSimilarityIndexMeasure(data_range=1.0),
    }


def hue_metrics() -> dict[str, Metric]:
    """``hue_entropy`` of pictures and ``hue_entropy_target`` of their targets, in bits, and ``hue_tv`` between them.

    Example:
        >>> sorted(hue_metrics())
        ['hue_entropy', 'hue_entropy_target', 'hue_tv']
    """
    return {
        "hue_entropy": HueEntropy(),
        "hue_entropy_target": HueEntropy(of_target=True),
        "hue_tv": HueTotalVariation(),
    }


class MeanPSNR(Metric):
    """Peak signal-to-noise ratio in dB, ``-10 log10 mean (x - y)^2`` of each image, as a mean over images.

    torchmetrics' own is infinite as soon as one image equals its target. Images of 8 bits are known up to rounding:
    ``MAX_PSNR`` is as near as any can be.

    Example:
        >>> metric = MeanPSNR()
        >>> metric.update(torch.tensor([0.5, 0.6]).view(2, 1, 1, 1), torch.full((2, 1, 1, 1), 0.5))
        >>> metric.compute()  # of 58.9 and 20
        tensor(39.4613, dtype=torch.float64)
    """

    is_differentiable = False
    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Generated images, floats in [0, 1], shape (N, C, H, W).
            target: What they should be, likewise.
        """
        ratios = peak_signal_noise_ratio(preds, target, data_range=1.0, reduction="none", dim=(1, 2, 3))  # (N,)
        self.total += ratios.clamp_max(MAX_PSNR).sum()
        self.count += len(preds)

    def compute(self) -> Tensor:
        """The value from all images of all processes, float64 on the CPU."""
        return self.total.cpu().double() / self.count.cpu()


class HueMetric(Metric):
    """Counts hues of pictures and of their targets, where the drawing that they belong to is white.

    Args:
        num_bins: Bins of equal width, the first from red.
        min_chroma: A pixel is colored where its chroma is above this.
        min_white: A pixel of the drawing is white where none of its channels is below this.
    """

    is_differentiable = False
    full_state_update = False
    preds_counts: Tensor
    target_counts: Tensor

    def __init__(
        self,
        num_bins: int = NUM_BINS,
        min_chroma: float = MIN_CHROMA,
        min_white: float = MIN_WHITE,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.num_bins, self.min_chroma, self.min_white = num_bins, min_chroma, min_white
        for name in ("preds_counts", "target_counts"):
            self.add_state(name, torch.zeros(num_bins, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, source: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Generated RGB pictures, floats in [0, 1], shape (N, 3, H, W).
            target: What they should be, likewise.
            source: The drawings that both belong to, floats in [0, 1], shape (N, C, H, W).

        Raises:
            ConfigError: If shapes do not fit each other, or values are not in [0, 1].
        """
        settings = self.num_bins, self.min_chroma, self.min_white
        self.preds_counts += hue_histogram(preds, source, *settings)
        self.target_counts += hue_histogram(target, source, *settings)


class HueEntropy(HueMetric):
    """Entropy in bits of the hues that were filled in, see ``hue_histogram`` and ``histogram_entropy``.

    0 where all is of one color, as of a model that paints the mean of what may be: best is the targets' own entropy.

    Args:
        of_target: Whether to measure the targets instead: what to compare with.
        kwargs: Arguments of ``HueMetric``.

    Example:
        >>> pictures, drawings = torch.zeros(1, 3, 1, 2), torch.ones(1, 1, 1, 2)
        >>> pictures[0, 0, 0, 0] = pictures[0, 2, 0, 1] = 1.0  # red, blue
        >>> metric = HueEntropy()
        >>> metric.update(pictures, pictures, drawings)
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    higher_is_better = None

    def __init__(self, of_target: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of_target = of_target

    def compute(self) -> Tensor:
        """The value from all pictures of all processes, float64 on the CPU."""
        return histogram_entropy((self.target_counts if self.of_target else self.preds_counts).cpu())


class HueTotalVariation(HueMetric):
    """Total variation distance between the hues of pictures and of their targets, see ``histogram_total_variation``.

    Of whole sets: a picture in other colors than its target costs nothing where another one makes up for it.

    Example:
        >>> red, white = torch.zeros(1, 3, 2, 2), torch.ones(1, 1, 2, 2)
        >>> red[:, 0] = 1.0
        >>> metric = HueTotalVariation()
        >>> metric.update(red, red.roll(1, dims=1), white)  # the targets are green
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    higher_is_better = False

    def compute(self) -> Tensor:
        """The value from all pictures of all processes, float64 on the CPU."""
        return histogram_total_variation(self.preds_counts.cpu(), self.target_counts.cpu())
