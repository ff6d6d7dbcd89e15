"""Metrics of text to image: whether images show what their captions say."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.hue import NUM_BINS, dominant_hue
from lightning_gans.evaluation.metrics.restoration import Means, require_like
from lightning_gans.images import to_uint8

_LOOKS = ("shape", "color", "size")
_RANKS = (1, 5)


class Judge(Protocol):
    """What tells the attributes of scenes, as ``ScenesFeatures`` does."""

    heads: dict[str, list[str]]

    def attributes(self, images: Tensor) -> Tensor:
        """Numbers of attributes (N, 7) that uint8 images show."""


class Matcher(Protocol):
    """What tells how well images and captions fit, as ``JointEmbedding`` does."""

    def similarity(self, images: Tensor, captions: Sequence[str]) -> Tensor:
        """Scores (N, M) of N images in [-1, 1] and M captions."""


class AttributeAccuracy(Means):
    """How often images show the attributes of their targets, the real images of the same captions, as a judge sees it.

    ``count`` and ``relation``: the number of objects, and where they lie, of targets with two. ``shape``, ``color``,
    ``size``: of all objects; of scenes with two also those of the first, the upper or left one (``color_1``), and of
    the second (``color_2``). ``all``: whether everything is right.

    The same of targets without pairs of color and shape that training lacked, and of those with one: ``color_seen``,
    ``color_held_out``; and held against the targets of other captions, which is what chance reaches:
    ``color_shuffled``. Figures that nothing is known of are absent.

    Args:
        judge: ``ScenesFeatures()``.
        held_out: The pairs, as (color, shape).
        kwargs: Arguments of ``torchmetrics.Metric``.
    """

    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        f"{name}{suffix}": None if suffix == "_shuffled" else True
        for suffix in ("", "_seen", "_held_out", "_shuffled")
        for name in ("count", "relation", *_LOOKS, *(f"{look}_{n}" for n in (1, 2) for look in _LOOKS), "all")
    }

    def __init__(self, judge: Judge, held_out: Collection[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judge = judge
        colors, shapes = judge.heads["color_1"], judge.heads["shape_1"]
        self._held_out = torch.zeros(len(shapes) + 1, len(colors) + 1, dtype=torch.bool)  # the last for no object
        for color, shape in held_out:
            self._held_out[shapes.index(shape), colors.index(color)] = True

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of images and their targets, floats in [0, 1], (N, 3, H, H), H a multiple of 32."""
        require_like(preds, target)
        shown, wanted = (self.judge.attributes(to_uint8(2 * images - 1)).cpu() for images in (preds, target))
        rare = self._held_out[wanted[:, 1], wanted[:, 2]] | self._held_out[wanted[:, 4], wanted[:, 5]]  # (N,)
        self._compare("", shown, wanted)
        if bool(self._held_out.any()):
            self._compare("_seen", shown[~rare], wanted[~rare])
            self._compare("_held_out", shown[rare], wanted[rare])
        self._compare("_shuffled", *shuffled(shown, wanted))

    def _compare(self, suffix: str, shown: Tensor, wanted: Tensor) -> None:
        right, two = shown == wanted, wanted[:, 0] > 0
        self._add(f"count{suffix}", (shown[:, 0] > 0) == two)
        self._add(f"relation{suffix}", right[two, 0])
        self._add(f"all{suffix}", right.all(1))
        for place, look in enumerate(_LOOKS, 1):
            first, second = right[:, place], right[two, place + 3]
            self._add(f"{look}{suffix}", torch.cat([first, second]))
            self._add(f"{look}_1{suffix}", first[two])
            self._add(f"{look}_2{suffix}", second)


class RPrecision(Means):
    """How often an image's own caption is among the first 1 or 5 of 100 that a matcher ranks for it.

    Xu et al. 2018, arXiv:1711.10485, section 4, with the 99 others drawn once and for all from the held-out captions.
    ``r_precision_1_real`` and ``r_precision_5_real`` are those of the real images: the matcher's own limits.

    Args:
        matcher: Not what the generator was trained with.
        captions: All captions that may be asked for, and from which the others are drawn.
        num: Captions to choose from.
        kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        ConfigError: There are fewer distinct captions.
    """

    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        f"r_precision_{rank}{suffix}": True if suffix == "" else None for suffix in ("", "_real") for rank in _RANKS
    }

    def __init__(self, matcher: Matcher, captions: Sequence[str], num: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        distinct = list(dict.fromkeys(captions))
        if not 2 <= num <= len(distinct):
            raise ConfigError("num", num, f"choose 2 or more, of {len(distinct)} distinct captions")
        order = torch.randperm(len(distinct), generator=torch.Generator().manual_seed(0)).tolist()
        self.matcher, self.captions, self.num = matcher, [distinct[place] for place in order], num
        self._places = {caption: place for place, caption in enumerate(self.captions)}

    def update(self, preds: Tensor, target: Tensor, caption: Sequence[str]) -> None:
        """Add a batch of images, of what they should be, floats in [0, 1], (N, C, H, W), and their captions.

        Raises:
            ConfigError: A caption is none of those to choose from.
        """
        if unknown := [text for text in caption if text not in self._places]:
            raise ConfigError("caption", unknown[0], f"is none of the {len(self.captions)} captions to choose from")
        own = torch.tensor([self._places[text] for text in caption])
        # A caption's rivals are those that follow it in an order that is drawn once.
        chosen = (own[:, None] + torch.arange(self.num)) % len(self.captions)  # (N, num)
        for suffix, images in (("", preds), ("_real", target)):
            scores = self.matcher.similarity(2 * images - 1, self.captions).cpu().gather(1, chosen)
            better = (scores[:, 1:] >= scores[:, :1]).sum(1)  # a tie is no success
            for rank in _RANKS:
                self._add(f"r_precision_{rank}{suffix}", better < rank)


class DominantHue(Means):
    """How often images have the main color of their targets: ``dominant_hue``, of targets that have one.

    ``dominant_hue_shuffled`` holds images against the targets of others: what their colors alone reach.

    Args:
        num_bins: Hues that are told apart; the fewer, the higher both figures.
        kwargs: Arguments of ``torchmetrics.Metric``.
    """

    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {"dominant_hue": True, "dominant_hue_shuffled": None}

    def __init__(self, num_bins: int = NUM_BINS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_bins = num_bins

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of images and what they should be, floats in [0, 1], (N, 3, H, W)."""
        require_like(preds, target)
        shown, wanted = (dominant_hue(images, self.num_bins) for images in (preds, target))
        for name, pair in (("dominant_hue", (shown, wanted)), ("dominant_hue_shuffled", shuffled(shown, wanted))):
            found, truth = pair
            self._add(name, (found == truth)[truth >= 0])


def shuffled(shown: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Each item of a batch with what half a batch away was wanted: neighbors are often alike; none of a single one."""
    half = len(wanted) // 2
    return (shown, wanted.roll(half, 0)) if half else (shown[:0], wanted[:0])
