"""Metrics of images: classes that they cover, how near they are to their targets, their colors, pairs that agree."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, Metric
from torchmetrics.functional.image import peak_signal_noise_ratio
from torchmetrics.image import StructuralSimilarityIndexMeasure

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.metrics.functional.hue import (
    NUM_BINS,
    histogram_entropy,
    histogram_total_variation,
    hue_histogram,
)
from lightning_gans.evaluation.metrics.functional.samples import class_coverage

MAX_PSNR = 10 * math.log10(12 * 255**2)  # 58.9 dB: what rounding to 8 bits leaves, 1/12 of a squared level
BATCH_SIZE = 256


def paired_metrics() -> dict[str, Metric]:
    """``l1``, ``psnr`` and ``ssim`` of images in [0, 1], as means over the images.

    Example:
        >>> metrics = paired_metrics()
        >>> for metric in metrics.values():
        ...     metric.update(preds=torch.full((2, 3, 16, 16), 0.4), target=torch.full((2, 3, 16, 16), 0.5))
        >>> {name: round(float(metric.compute()), 3) for name, metric in metrics.items()}
        {'l1': 0.1, 'psnr': 20.0, 'ssim': 0.976}
    """
    return {"l1": MeanAbsoluteError(), "psnr": MeanPSNR(), "ssim": StructuralSimilarityIndexMeasure(data_range=1.0)}


def hue_metrics() -> dict[str, Metric]:
    """``hue_entropy`` of pictures and ``hue_entropy_target`` of their targets, in bits, and ``hue_tv`` between them."""
    entropies = {"hue_entropy": HueEntropy(), "hue_entropy_target": HueEntropy(of_target=True)}
    return {**entropies, "hue_tv": HueTotalVariation()}


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

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of images and what they should be: floats in [0, 1], shape (N, C, H, W)."""
        ratios = peak_signal_noise_ratio(preds, target, data_range=1.0, reduction="none", dim=(1, 2, 3))  # (N,)
        self.total += ratios.clamp_max(MAX_PSNR).sum()
        self.count += len(preds)

    def compute(self) -> Tensor:
        """The value from all images of all processes, float64 on the CPU."""
        return self.total.cpu().double() / self.count.cpu()


class HueMetric(Metric):
    """Counts hues of pictures and of their targets, where the drawing that they belong to is white."""

    full_state_update = False
    preds_counts: Tensor
    target_counts: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("preds_counts", "target_counts"):
            self.add_state(name, torch.zeros(NUM_BINS, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, source: Tensor) -> None:
        """Add a batch of pictures, of what they should be (N, 3, H, W), and of their drawings (N, C, H, W), in [0, 1].

        Raises:
            ConfigError: If shapes do not fit each other, or values are not in [0, 1].
        """
        self.preds_counts += hue_histogram(preds, source)
        self.target_counts += hue_histogram(target, source)


class HueEntropy(HueMetric):
    """Entropy in bits of the hues that were filled in, see ``hue_histogram`` and ``histogram_entropy``.

    0 where all is of one color, as of a model that paints the mean of what may be: best is the targets' own entropy.

    Args:
        of_target: Whether to measure the targets instead: what to compare with.
        kwargs: Arguments of ``torchmetrics.Metric``.
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
    """

    higher_is_better = False

    def compute(self) -> Tensor:
        """The value from all pictures of all processes, float64 on the CPU."""
        return histogram_total_variation(self.preds_counts.cpu(), self.target_counts.cpu())


class ClassCoverage(Metric):
    """``modes``, ``reverse_kl`` and ``jsd`` of the classes that a classifier sees in the fakes, see ``class_coverage``.

    Args:
        classifier: From uint8 images (N, C, H, W) to a pair of features and logits (N, K).
        num_classes: K.

    Raises:
        ConfigError: The classifier gives no logits, or not as many.
    """

    higher_is_better = None  # each figure has a direction of its own
    higher_is_better_by_name: ClassVar[dict[str, bool]] = {"modes": True, "reverse_kl": False, "jsd": False}
    counts: Tensor

    def __init__(self, classifier: nn.Module, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classifier, self.num_classes = classifier, num_classes
        self.add_state("counts", torch.zeros(num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, images: Tensor) -> None:
        """Add a batch of fakes, uint8 images (N, C, H, W)."""
        _, logits = self.classifier(images)
        if logits is None or logits.shape[1] != self.num_classes:
            given = None if logits is None else logits.shape[1]
            raise ConfigError("num_classes", self.num_classes, f"the classifier gives {given} logits")
        self.counts += torch.bincount(logits.argmax(1), minlength=self.num_classes).to(self.counts.device)

    def compute(self) -> dict[str, Tensor]:
        """The value from all fakes of all processes, float64 on the CPU."""
        labels = torch.repeat_interleave(torch.arange(self.num_classes), self.counts.cpu())
        found = class_coverage(labels, self.num_classes)._asdict()
        return {name: found[name] for name in self.higher_is_better_by_name}


class PairAgreement(Metric):
    """How well the second image of a pair is the first one's counterpart, where the true counterpart can be computed.

    ``pair_pixels`` is the share of pixels on the same side of middle gray as in the counterpart, the figure of Liu and
    Tuzel 2016, arXiv:1606.07536, section 4. Much of an image is background, so chance is far above zero.
    ``pair_classes`` is the share of pairs whose two images a classifier gives the same class; chance is about one over
    the number of classes.

    Args:
        forward_map: From uint8 images of the first domain to those of the second that belong to them.
        backward_map: From the second domain to the first, where that can be computed.
        classifier: Of images of the first domain, with ``logits`` in its result; needed with ``backward_map``.
    """

    higher_is_better = True
    pixels: Tensor
    classes: Tensor
    pairs: Tensor

    def __init__(
        self,
        forward_map: Callable[[Tensor], Tensor],
        backward_map: Callable[[Tensor], Tensor] | None = None,
        classifier: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.forward_map, self.backward_map, self.classifier = forward_map, backward_map, classifier
        known = ["pair_pixels"] if backward_map is None or classifier is None else ["pair_pixels", "pair_classes"]
        self.higher_is_better_by_name: dict[str, bool | None] = dict.fromkeys(known, True)
        for name in ("pixels", "classes", "pairs"):
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, image_source: ImageSource) -> None:
        """Take the pairs of all samples; none where what makes them knows no two domains."""
        first, second = image_source.with_label(0), image_source.with_label(1)
        if first is None or second is None:
            return
        from lightning_gans.engine.processes import rank_slice  # here: the engine brings Lightning, metrics do not

        begin, end = rank_slice(len(image_source))
        for start in range(begin, end, BATCH_SIZE):
            stop = min(start + BATCH_SIZE, end)
            x, y = first.images(start, stop), second.images(start, stop)  # (N, C, H, W), uint8
            self.pairs += len(x)
            self.pixels += ((self.forward_map(x) > 127) == (y > 127)).float().mean((1, 2, 3)).sum()
            if self.backward_map is not None and self.classifier is not None:
                one, other = (self.classifier(images).logits.argmax(1) for images in (x, self.backward_map(y)))
                self.classes += (one == other).float().sum()

    def compute(self) -> dict[str, Tensor]:
        """The shares by name; none where there were no pairs."""
        if self.pairs == 0:
            return {}
        return {name: getattr(self, name.removeprefix("pair_")) / self.pairs for name in self.higher_is_better_by_name}
