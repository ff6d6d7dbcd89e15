"""Whether two images that a coupled generator makes of one latent belong together."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lightning_gans.evaluation.image_source import ImageSource

DomainMap = Callable[[Tensor], Tensor]
"""From uint8 images of one domain to those of the other that belong to them."""

BATCH_SIZE = 256


class PairAgreement(Metric):
    """How well the second image of a pair is the first one's counterpart, where the true counterpart can be computed.

    ``pair_pixels`` is the share of pixels on the same side of middle gray as in the counterpart, the figure of Liu and
    Tuzel 2016, arXiv:1606.07536, section 4. Much of an image is background, so chance is far above zero.
    ``pair_classes`` is the share of pairs whose two images a classifier gives the same class; chance is about one over
    the number of classes.

    Args:
        forward_map: From the first domain to the second.
        backward_map: From the second domain to the first, where that can be computed.
        classifier: Of images of the first domain, such as ``DigitsFeatures``: returns something
            with ``logits``. With ``backward_map``.
    """

    higher_is_better = True
    pixels: Tensor
    classes: Tensor
    pairs: Tensor

    def __init__(
        self, forward_map: DomainMap, backward_map: DomainMap | None = None, classifier: nn.Module | None = None
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
            self._compare(first.images(start, stop), second.images(start, stop))

    def _compare(self, first: Tensor, second: Tensor) -> None:
        """Count what agrees in pairs of images (N, C, H, W), uint8."""
        self.pairs += len(first)
        self.pixels += ((self.forward_map(first) > 127) == (second > 127)).float().mean((1, 2, 3)).sum()
        if self.backward_map is not None and self.classifier is not None:
            one, other = (self.classifier(images).logits for images in (first, self.backward_map(second)))
            self.classes += (one.argmax(1) == other.argmax(1)).float().sum()

    def compute(self) -> dict[str, Tensor]:
        """The shares by name; none where there were no pairs."""
        if self.pairs == 0:
            return {}
        return {name: getattr(self, name.removeprefix("pair_")) / self.pairs for name in self.higher_is_better_by_name}
