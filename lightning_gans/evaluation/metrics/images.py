"""Metrics of images: classes that they cover, how near they are to their targets, their colors, pairs that agree."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, Metric
from torchmetrics.image import StructuralSimilarityIndexMeasure
from torchmetrics.utilities import dim_zero_cat

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.metrics.features import ListStateMetric
from lightning_gans.evaluation.metrics.functional.frechet import frechet_distance
from lightning_gans.evaluation.metrics.functional.hue import (
    NUM_BINS,
    fill_mask,
    histogram_entropy,
    histogram_total_variation,
    hue_histogram,
    mean_colors,
)
from lightning_gans.evaluation.metrics.functional.restoration import image_psnr
from lightning_gans.evaluation.metrics.functional.samples import class_coverage
from lightning_gans.evaluation.metrics.functional.sliced_wasserstein import sliced_wasserstein_by_level

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
    """What colors were filled in: ``hue_entropy``, ``hue_entropy_target``, ``hue_tv`` and ``fill_frechet``."""
    entropies = {"hue_entropy": HueEntropy(), "hue_entropy_target": HueEntropy(of_target=True)}
    return {**entropies, "hue_tv": HueTotalVariation(), "fill_frechet": FillFrechet()}


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
        self.total += image_psnr(preds, target).sum()
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


class FillFrechet(ListStateMetric):
    """Frechet distance of the colors that pictures and targets have where the targets were filled in.

    Each picture and each target is a point in RGB, [0, 1]^3: its mean over the pixels of ``fill_mask`` of the target.
    Targets without any are left out; not a number where fewer than two have some. See ``frechet_distance``. Unlike
    hues it sees how bright and how pale colors are, and what was left white.
    """

    higher_is_better = False
    list_states = ("preds", "target")

    def update(self, preds: Tensor, target: Tensor, source: Tensor) -> None:
        """See ``HueMetric``."""
        mask = fill_mask(target, source)
        for name, images in (("preds", preds), ("target", target)):
            self._append(name, mean_colors(images, mask), None)

    def compute(self) -> Tensor:
        """The value from all pictures of all processes, float64 on the CPU."""
        found = [self._collected(name) for name in ("target", "preds")]
        colors = [each[0] for each in found if each is not None and len(each[0]) > 1]  # (n, 3)
        return frechet_distance(*colors) if len(colors) == 2 else torch.tensor(torch.nan, dtype=torch.float64)


class ImageSetMetric(Metric):
    """A metric that compares a set of fake images with a set of real ones, as they are."""

    full_state_update = False
    real_images: list[Tensor]
    fake_images: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("real_images", [], dist_reduce_fx="cat")
        self.add_state("fake_images", [], dist_reduce_fx="cat")

    def update(self, images: Tensor, real: bool) -> None:
        """Add a batch of real or of fake images, uint8 (N, C, H, W)."""
        (self.real_images if real else self.fake_images).append(images)

    def sets(self) -> tuple[Tensor, Tensor]:
        """The real images and the fake ones of all processes, in the order of updates.

        Raises:
            ConfigError: There are none of one side.
        """
        for name, parts in (("real", self.real_images), ("fake", self.fake_images)):
            if len(parts) == 0:
                raise ConfigError(name, 0, "no images yet: call update before compute")
        return dim_zero_cat(self.real_images), dim_zero_cat(self.fake_images)  # one tensor where processes joined


def spread_out(images: Tensor, count: int) -> Tensor:
    """So many of the images, or all, at equal distances."""
    return images[torch.linspace(0, len(images) - 1, min(count, len(images))).long()]


class SlicedWasserstein(ImageSetMetric):
    """``swd``, the mean of ``swd_<side>`` over the levels of a Laplacian pyramid: see ``sliced_wasserstein_by_level``.

    Of paired and unpaired images alike. It takes as many images of each side as there are of the smaller one, and at
    most ``num_images``: those at equal distances in the order of updates.

    Args:
        num_images: 16,384 in the paper.
        seed: Of patches and directions.
        kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        ConfigError: ``num_images`` is not positive.
    """

    higher_is_better = False

    def __init__(self, num_images: int = 16_384, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_images < 1:
            raise ConfigError("num_images", num_images, "must be positive")
        self.num_images, self.seed = num_images, seed
        self.higher_is_better_by_name: dict[str, bool | None] = {"swd": False}  # levels are known by the images' size

    def compute(self) -> dict[str, Tensor]:
        """The values from all images of all processes, float64 on the CPU.

        Raises:
            ConfigError: There are none of one side, or they are not as ``sliced_wasserstein_by_level`` wants them.
        """
        real, fake = self.sets()
        count = min(self.num_images, len(real), len(fake))
        levels = sliced_wasserstein_by_level(spread_out(real, count), spread_out(fake, count), self.seed)
        found = {"swd": torch.stack([*levels.values()]).mean()}
        found |= {f"swd_{side}": value for side, value in levels.items()}
        self.higher_is_better_by_name |= dict.fromkeys(found, False)
        return found


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


class ClassAgreement(Metric):
    """How often a classifier gives a translation the class of what was translated.

    ``agreement_to_image`` is the share among the held-out sources, ``agreement_to_source`` that among the held-out
    images, of models that translate back: the measure of translation without pairs. A classifier's own errors count
    as the model's.

    Args:
        source_labels: Classes (A,) of the held-out sources, in the order of their data set.
        image_labels: Classes (B,) of the held-out images, likewise.
        source_classifier: From uint8 images of the sources' kind to a result with ``logits``; None leaves out
            ``agreement_to_source``.
        image_classifier: Of images; None leaves out ``agreement_to_image``.
        kwargs: Arguments of ``torchmetrics.Metric``.
    """

    full_state_update = False
    higher_is_better = True
    correct: Tensor
    counted: Tensor

    def __init__(
        self,
        source_labels: Tensor,
        image_labels: Tensor,
        source_classifier: nn.Module | None,
        image_classifier: nn.Module | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_labels, self.image_labels = source_labels.cpu(), image_labels.cpu()
        self.source_classifier, self.image_classifier = source_classifier, image_classifier
        known = {"agreement_to_image": image_classifier, "agreement_to_source": source_classifier}
        names = [name for name, classifier in known.items() if classifier is not None]
        self.higher_is_better_by_name: dict[str, bool | None] = dict.fromkeys(names, True)
        for name in ("correct", "counted"):
            self.add_state(name, torch.zeros(2), dist_reduce_fx="sum")

    def update(self, image_source: ImageSource) -> None:
        """Take translations of the held-out sources, and of the held-out images where the model has the way back."""
        self._add(0, image_source, self.source_labels, self.image_classifier)
        self._add(1, image_source.reversed(), self.image_labels, self.source_classifier)

    def _add(self, way: int, translations: ImageSource | None, labels: Tensor, classifier: nn.Module | None) -> None:
        if translations is None or classifier is None:
            return
        from lightning_gans.engine.processes import rank_slice  # as in PairAgreement

        numbers = translations.numbers()
        numbers = numbers[numbers < len(labels)]  # the smaller domain is gone through again: each of it once
        begin, end = rank_slice(len(numbers))
        for start in range(begin, end, BATCH_SIZE):
            stop = min(start + BATCH_SIZE, end)
            found = classifier(translations.images(start, stop)).logits.argmax(1).cpu()
            self.correct[way] += int((found == labels[numbers[start:stop]]).sum())
            self.counted[way] += stop - start

    def compute(self) -> dict[str, Tensor]:
        """The shares by name; none of a way that nothing was translated."""
        ways = zip(("agreement_to_image", "agreement_to_source"), self.correct, self.counted, strict=True)
        return {name: correct / counted for name, correct, counted in ways if counted > 0}
