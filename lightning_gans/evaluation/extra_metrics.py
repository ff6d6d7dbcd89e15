"""Any torchmetrics metric beside the evaluator's own figures: what it is fed with follows from its ``update``."""

import inspect
import warnings
from collections.abc import Iterator, Mapping

from torch import Tensor
from torchmetrics import Metric

from lightning_gans.engine.processes import rank_slice, world_size
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.files import ImageSource

_PAIR = {"preds", "target"}


class ExtraMetrics:
    """Metrics by name; each process feeds its slice of the images, and torchmetrics joins them.

    ==================================  ==================================================================
    the names in ``update``             what it gets
    ==================================  ==================================================================
    ``image_source``                    ``update(image_source=...)``: the source of the generated images, once
    ``preds`` and ``target``            generated images and their targets, floats in [0, 1], (N, C, H, W);
                                        also ``source=...``, the images that they were made from, likewise;
                                        also ``mask=...``, (N, 1, H, W), 1 where those lacked something;
                                        also ``caption=...``, N sentences that they were made from
    ``real``                            ``update(images, real=True)`` and ``real=False``: uint8 images
    none of these                       ``update(images)``: generated images, uint8
    ==================================  ==================================================================

    Each image is generated once, for all but those that take the source. A metric of pairs goes without a figure where
    generated images have no targets, and says so in a warning. One whose result is a dict names its figures itself.
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
        fed = [name for name in self.metrics if self._has_what_it_takes(name, fake)]
        for name in fed:
            self.metrics[name].reset()
        compared = [name for name in fed if self._taken(name) & {"real", "image_source", *_PAIR} == {"real"}]
        self._feed_real([name for name in compared if name not in self._keeps_real], real)
        self._feed_generated([name for name in fed if "image_source" not in self._taken(name)], fake)
        values: dict[str, float] = {}
        for name in fed:
            metric = self.metrics[name]
            if "image_source" in self._taken(name):
                metric.update(image_source=fake)
            found = metric.compute()
            named = found if isinstance(found, dict) else {name: found[0] if isinstance(found, tuple) else found}
            values |= {part: float(value) for part, value in named.items()}
        return values

    def _taken(self, name: str) -> set[str]:
        """The names in a metric's ``update``."""
        return {*inspect.signature(self.metrics[name].update).parameters}

    def _has_what_it_takes(self, name: str, fake: ImageSource) -> bool:
        """False, with a warning, where a metric of pairs meets images without."""
        condition = fake.condition(0, 1)
        known = {
            "target": ("targets", fake.targets(0, 1)),
            "source": ("source images", condition.source),
            "mask": ("masks", condition.mask),
            "caption": ("captions", fake.captions(0, 1)),
        }
        taken = self._taken(name) if self._taken(name) >= _PAIR else set()
        missing = [called for part, (called, found) in known.items() if part in taken and found is None]
        if missing:
            hint = f"no {name}: it compares pairs, and the images to be measured have no {' and no '.join(missing)}"
            warnings.warn(hint, LightningGANsWarning, stacklevel=3)
        return not missing

    def _feed_real(self, names: list[str], real: ImageSource) -> None:
        for first, last in batches(*rank_slice(len(real)), self.batch_size) if names else ():
            images = real.images(first, last)
            for name in names:
                self.metrics[name].update(images.to(self.metrics[name].device), real=True)
        # torchmetrics' FID says so where `reset` leaves the real images
        self._keeps_real |= {n for n in names if getattr(self.metrics[n], "reset_real_features", True) is False}

    def _feed_generated(self, names: list[str], fake: ImageSource) -> None:
        """Each image is generated once, for all metrics."""
        for first, last in batches(*rank_slice(len(fake)), self.batch_size) if names else ():
            images, condition = fake.images(first, last), fake.condition(first, last)
            pictures = {"preds": images, "target": fake.targets(first, last), "source": condition.source}
            parts = {name: in_unit_range(part) for name, part in pictures.items() if part is not None}
            if condition.mask is not None:
                parts["mask"] = condition.mask.float()
            said = {"caption": fake.captions(first, last)}
            for name in names:
                metric, taken = self.metrics[name], self._taken(name)
                if taken >= _PAIR:
                    shown = {part: found.to(metric.device) for part, found in parts.items()}
                    metric.update(**{part: given for part, given in (shown | said).items() if part in taken})
                else:
                    metric.update(images.to(metric.device), **({"real": False} if "real" in taken else {}))


def batches(begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges that cover ``begin`` to ``end``, of ``size`` or fewer."""
    for first in range(begin, end, size):
        yield first, min(first + size, end)


def in_unit_range(images: Tensor) -> Tensor:
    """Images in [0, 1], float32, of uint8 images or of floats in [-1, 1]."""
    return ((images.float() + 1) / 2).clamp(0, 1) if images.is_floating_point() else images.float() / 255
