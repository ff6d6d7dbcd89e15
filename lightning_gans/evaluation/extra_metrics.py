"""Any torchmetrics metric beside the evaluator's own figures: what it is fed with follows from its ``update``."""

import inspect
import warnings
from collections.abc import Iterator, Mapping

from torch import Tensor
from torchmetrics import Metric

from lightning_gans.engine.processes import rank_slice, world_size
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.files import ImageSource


class ExtraMetrics:
    """Metrics by name; each process feeds its slice of the images, and torchmetrics joins them.

    ==================================  ==================================================================
    the names in ``update``             what it gets
    ==================================  ==================================================================
    ``image_source``                    ``update(image_source=...)``: the source of the generated images, once
    ``preds`` and ``target``            generated images and their targets, floats in [0, 1], (N, C, H, W);
                                        also ``source=...``, the images that they were made from, likewise
    ``real``                            ``update(images, real=True)`` and ``real=False``: uint8 images
    none of these                       ``update(images)``: generated images, uint8
    ==================================  ==================================================================

    A metric of pairs goes without a figure where generated images have no targets, and says so in a warning. One whose
    result is a dict names its figures itself.
    """

    def __init__(self, metrics: Mapping[str, Metric], batch_size: int) -> None:
        self.metrics, self.batch_size = metrics, batch_size
        self._keeps_real: set[str] = set()

    def compute(self, fake: ImageSource, real: ImageSource) -> dict[str, float]:
        """Figures by name of generated images, with real ones where a metric wants them. Every process must call it.

        Raises:
            ConfigError: There are fewer images than processes, and torchmetrics cannot join what one has none of.
        """
        if self.metrics and min(len(fake), len(real)) < world_size():
            hint = f"{world_size()} processes need one each for extra metrics"
            raise ConfigError("images", min(len(fake), len(real)), hint)
        values: dict[str, float] = {}
        for name, metric in self.metrics.items():
            metric.reset()
            if self._update(name, metric, fake, real):
                found = metric.compute()
                named = found if isinstance(found, dict) else {name: found[0] if isinstance(found, tuple) else found}
                values |= {part: float(value) for part, value in named.items()}
        return values

    def _update(self, name: str, metric: Metric, fake: ImageSource, real: ImageSource) -> bool:
        """Feed a metric; False where it has no use for such images."""
        taken = inspect.signature(metric.update).parameters.keys()
        if "image_source" in taken:
            metric.update(image_source=fake)
        elif {"preds", "target"} <= taken:
            return self._update_with_pairs(name, metric, fake, with_source="source" in taken)
        elif "real" in taken:
            if name not in self._keeps_real:
                self._update_with_images(metric, real, real=True)
            self._update_with_images(metric, fake, real=False)
            if getattr(metric, "reset_real_features", True) is False:  # as torchmetrics' FID calls it
                self._keeps_real.add(name)
        else:
            self._update_with_images(metric, fake)
        return True

    def _update_with_images(self, metric: Metric, images: ImageSource, **kind: bool) -> None:
        for first, last in batches(*rank_slice(len(images)), self.batch_size):
            metric.update(images.images(first, last).to(metric.device), **kind)

    def _update_with_pairs(self, name: str, metric: Metric, fake: ImageSource, with_source: bool) -> bool:
        known = {"targets": fake.targets(0, 1) is not None}
        if with_source:
            known["source images"] = fake.condition(0, 1).source is not None
        if not all(known.values()):
            missing = " and no ".join(part for part, there in known.items() if not there)
            hint = f"no {name}: it compares pairs, and the images to be measured have no {missing}"
            warnings.warn(hint, LightningGANsWarning, stacklevel=2)
            return False
        for first, last in batches(*rank_slice(len(fake)), self.batch_size):
            given = {"preds": fake.images(first, last), "target": fake.targets(first, last)}
            given |= {"source": fake.condition(first, last).source} if with_source else {}
            there = {name: part.to(metric.device) for name, part in given.items() if part is not None}
            metric.update(**{name: in_unit_range(part) for name, part in there.items()})
        return True


def batches(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges that cover ``begin`` to ``end``, of ``size`` or fewer."""
    for first in range(begin, end, size):
        yield first, min(first + size, end)


def in_unit_range(images: Tensor) -> Tensor:
    """Images in [0, 1], float32, of uint8 images or of floats in [-1, 1]."""
    return ((images.float() + 1) / 2).clamp(0, 1) if images.is_floating_point() else images.float() / 255
