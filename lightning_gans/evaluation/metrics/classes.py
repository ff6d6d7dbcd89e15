"""How many classes of labeled data a generator captures, as a torchmetrics class."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.modes import class_coverage


class ClassCoverage(Metric):
    """``modes``, ``reverse_kl`` and ``jsd`` of the classes that a classifier sees in the fakes, against equal shares.

    See ``class_coverage``.

    Args:
        classifier: From uint8 images (N, C, H, W) to a pair of features and logits (N, K).
        num_classes: K.

    Raises:
        ConfigError: The classifier gives no logits, or not as many.

    Example:
        >>> class Brightness(nn.Module):
        ...     def forward(self, images):
        ...         level = images.float().mean((1, 2, 3)) / 255
        ...         return None, torch.stack([1 - level, level], 1)
        >>> metric = ClassCoverage(Brightness(), num_classes=2)
        >>> metric.update(torch.full((4, 1, 8, 8), 255, dtype=torch.uint8))
        >>> float(metric.compute()["modes"])
        1.0
    """

    higher_is_better = None  # each figure has a direction of its own
    higher_is_better_by_name: ClassVar[dict[str, bool]] = {"modes": True, "reverse_kl": False, "jsd": False}
    counts: Tensor

    def __init__(self, classifier: nn.Module, num_classes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.classifier, self.num_classes = classifier, num_classes
        self.add_state("counts", torch.zeros(num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, images: Tensor) -> None:
        """Add a batch of fakes.

        Args:
            images: uint8 images (N, C, H, W).
        """
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
