"""Whether two images that a coupled generator makes of one latent belong together."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lightning_gans.engine.processes import share_of
from lightning_gans.evaluation.sources import Source

Translation = Callable[[Tensor], Tensor]
"""From uint8 images of one domain to those of the other that belong to them."""

_BATCH = 256


class PairAgreement(Metric):
    """How well the second image of a pair is the first one's counterpart, where the true counterpart can be computed.

    ``pair_pixels`` is the share of pixels on the same side of middle gray as in the counterpart, the figure of Liu and
    Tuzel 2016, arXiv:1606.07536, section 4. Much of an image is background, so chance is far above zero.
    ``pair_classes`` is the share of pairs whose two images a classifier gives the same class; chance is about one over
    the number of classes.

    Args:
        translate: From the first domain to the second.
        back: From the second domain to the first, where that can be computed.
        classifier: Of images of the first domain, such as ``DigitsFeatures``: returns something
            with ``logits``. With ``back``.
    """

    higher_is_better = True
    pixels: Tensor
    classes: Tensor
    pairs: Tensor

    def __init__(
        self, translate: Translation, back: Translation | None = None, classifier: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.translate, self.back, self.classifier = translate, back, classifier
        known = ["pair_pixels"] if back is None or classifier is None else ["pair_pixels", "pair_classes"]
        self.directions: dict[str, bool | None] = dict.fromkeys(known, True)
        for name in ("pixels", "classes", "pairs"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, source: Source) -> None:
        """Take the pairs of all samples; nothing where what makes them knows no two domains."""
        first, second = source.in_class(0), source.in_class(1)
        if first is None or second is None:
            return
        begin, end = share_of(len(source))
        for start in range(begin, end, _BATCH):
            stop = min(start + _BATCH, end)
            self._compare(first.images(start, stop), second.images(start, stop))

    def _compare(self, first: Tensor, second: Tensor) -> None:
        """Count what agrees in pairs of images (N, C, H, W), uint8."""
        self.pairs += len(first)
        self.pixels += ((self.translate(first) > 127) == (second > 127)).double().mean((1, 2, 3)).sum()
        if self.back is not None and self.classifier is not None:
            shown, counterpart = self.classifier(first).logits, self.classifier(self.back(second)).logits
            self.classes += (shown.argmax(1) == counterpart.argmax(1)).double().sum()

    def compute(self) -> dict[str, Tensor]:
        """The shares by name; none where there were no pairs."""
        if self.pairs == 0:
            return {}
        return {name: getattr(self, name.removeprefix("pair_")) / self.pairs for name in self.directions}
