"""The embedded emoji: images to generate, and pairs of two styles to translate."""

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import BatchedDataset, ImageDataset, PairDataset, UnpairedDataset
from lightning_gans.data.emoji_images import (
    Split,
    Style,
    check_style,
    emoji_records,
    load_emoji,
    rows_of,
    shared_rows,
    shrink,
)
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import EmojiFeatures
from lightning_gans.evaluation.metrics import ResidualEnergy, hue_metrics, paired_metrics

SIZES = (16, 32, 64)  # divisors of the tiles' side, so that shrinking is exact averaging


class Emoji(ImageDataModule):
    """Emoji of one style on white, inside the package; labels are Unicode's groups, as ``"food-drink"``.

    OpenMoji has 2,186 in ten groups, Noto and Twemoji 1,636 in eight. One in nine is held out together with its
    variants (man, woman and person of one profession, say) and serves ``validate`` and ``test``; metrics compare with
    the others, which are trained on. Authors and licenses are named in ``lightning_gans/data/assets/emoji``.

    Args:
        style: ``"openmoji"``, ``"outline"`` (OpenMoji's black lines), ``"noto"`` or ``"twemoji"``.
        image_size: Height and width: 64, or 32 or 16 by averaging.
        flip: Whether every other training image is mirrored.

    Attributes:
        classes: Names of the groups, in the order of their labels.

    Raises:
        ConfigError: There is no such style or size.

    Example:
        >>> data = Emoji(image_size=32)
        >>> images, labels = next(iter(data.train_dataloader()))
        >>> images.shape, labels.shape, len(data.train_dataset), data.classes[3]
        (torch.Size([64, 3, 32, 32]), torch.Size([64]), 1943, 'food-drink')
    """

    def __init__(self, style: Style = "openmoji", image_size: int = 64, flip: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_style("style", style)
        if image_size not in SIZES:
            raise ConfigError("image_size", image_size, f"choose one of {', '.join(map(str, SIZES))}")
        self.style, self.image_size, self.flip = style, image_size, flip
        self.image_shape = (3, image_size, image_size)
        self._set_classes(style)

    def _set_classes(self, *styles: Style) -> None:
        """The groups of the emoji that all of these styles have, in the order of Unicode's charts."""
        shared = [one.group for one in emoji_records() if one.tiles.keys() >= set(styles)]
        self.classes = list(dict.fromkeys(shared))
        self.num_classes = len(self.classes)

    def load_train(self) -> BatchedDataset:
        """The emoji that are not held out."""
        return self._part("train")

    def load_test(self) -> BatchedDataset:
        """The emoji that are held out."""
        return self._part("test")

    def features(self) -> EmojiFeatures:
        """The classifier of emoji that comes with the package; its classes are the groups."""
        return EmojiFeatures(self.style)

    def metrics(self) -> dict[str, Metric]:
        """Energy outside the principal components: a classifier's FID may rank speckled blobs above clear faces."""
        return {"residual_energy": ResidualEnergy()}

    def _part(self, split: Split) -> BatchedDataset:
        rows, _ = shared_rows(self.style, self.style, split)
        return ImageDataset(*self._labeled(rows))

    def _labeled(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        images, records = load_emoji(self.style)
        labels = [self.classes.index(records[row].group) for row in rows.tolist()]
        return shrink(images[rows], self.image_size), torch.tensor(labels)


class EmojiFaces(Emoji):
    """The faces among the emoji, 310 of three styles and 45 held out; labels are the styles.

    Few and alike: what can be learned in minutes on a laptop, and where a discriminator soon knows all by heart.

    Args:
        styles: Styles whose faces are mixed; see ``Emoji``. One alone is data of a single mode.

    Example:
        >>> data = EmojiFaces()
        >>> images, labels = next(iter(data.train_dataloader()))
        >>> images.shape, data.classes, len(data.train_dataset)
        (torch.Size([64, 3, 32, 32]), ['openmoji', 'noto', 'twemoji'], 310)
    """

    def __init__(
        self,
        styles: Sequence[Style] = ("openmoji", "noto", "twemoji"),
        image_size: int = 32,
        flip: bool = True,
        **kwargs: Any,
    ) -> None:
        self.styles = list(styles)
        if not self.styles:
            raise ConfigError("styles", [], "name one style or more")
        for style in self.styles:
            check_style("styles", style)
        super().__init__(style=self.styles[0], image_size=image_size, flip=flip, **kwargs)

    def _set_classes(self, *styles: Style) -> None:
        self.classes = list(self.styles)
        self.num_classes = len(self.classes)

    def _part(self, split: Split) -> BatchedDataset:
        images, labels = [], []
        for number, style in enumerate(self.styles):
            drawn, records = load_emoji(style)
            rows = [row for row in rows_of(records, split).tolist() if records[row].subgroup.startswith("face-")]
            images.append(shrink(drawn[rows], self.image_size))
            labels += [number] * len(rows)
        return ImageDataset(torch.cat(images), torch.tensor(labels))


class EmojiPairs(Emoji):
    """The same emoji in two styles, to translate one into the other: by default outlines to color, edges to image.

    Batches are dicts: ``"source"``, ``"image"``, both (B, 3, H, W), and ``"label"``, the group. Metrics compare
    translations of the held-out sources with their images, and with each other; no variant of these was trained on.
    OpenMoji's two styles are one drawing; of Noto and Twemoji each is drawn independently, so that their pairs show
    the same thing, not the same shapes.

    Args:
        source_style: Style of what is given; see ``Emoji``.
        style: Style of what should come out.
        flip: Whether every other training pair is mirrored, as in pix2pix's code; both of a pair alike.

    Raises:
        ConfigError: There is no such style or size, or the two styles are one.

    Example:
        >>> data = EmojiPairs(image_size=16)
        >>> batch = next(iter(data.train_dataloader()))
        >>> batch["source"].shape, batch["image"].shape, len(data.test_dataset)
        (torch.Size([64, 3, 16, 16]), torch.Size([64, 3, 16, 16]), 243)
    """

    def __init__(
        self, source_style: Style = "outline", style: Style = "openmoji", *, flip: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(style, flip=flip, **kwargs)
        check_style("source_style", source_style)
        if source_style == style:
            raise ConfigError("source_style", source_style, "is what should come out already; choose another style")
        self.source_style, self.source_shape = source_style, self.image_shape
        self._set_classes(style, source_style)

    @property
    def reference_dataset(self) -> BatchedDataset:
        """The pairs that are held out, not flipped: a translator that has seen the answer proves nothing."""
        return self.test_dataset

    def metrics(self) -> dict[str, Metric]:
        """L1, PSNR and SSIM; of outlines in color, hues too, which know where the drawing left something to fill in."""
        one_drawing = (self.source_style, self.style) == ("outline", "openmoji")
        return paired_metrics() | (hue_metrics() if one_drawing else {})

    def _part(self, split: Split) -> PairDataset:
        rows, source_rows = shared_rows(self.style, self.source_style, split)
        images, labels = self._labeled(rows)
        sources, _ = load_emoji(self.source_style)
        return PairDataset(images, shrink(sources[source_rows], self.image_size), labels)


class UnpairedEmoji(EmojiPairs):
    """Outlines of some emoji and colors of others, so that a model sees no pair; the pairs held out are still pairs.

    Of the training emoji one half, by a hash that their variants share, has sources and the other images. Metrics are
    those of ``EmojiPairs``: the partners of held-out sources are known to them alone.

    Example:
        >>> data = UnpairedEmoji(image_size=16)
        >>> train = data.train_dataset
        >>> len(train.sources), len(train.images), len(data.test_dataset)
        (995, 948, 243)
    """

    def load_train(self) -> UnpairedDataset:
        """Sources of one half of the emoji that are not held out, images of the other."""
        pairs = self._part("train")
        rows, _ = shared_rows(self.style, self.source_style, "train")
        _, records = load_emoji(self.style)
        hashes = [hashlib.sha256(records[row].base.encode()).digest() for row in rows.tolist()]
        first = torch.tensor([digest[-1] % 2 == 0 for digest in hashes])  # the first bytes decide on the split
        return UnpairedDataset(ImageDataset(pairs.sources[first], None), ImageDataset(pairs.images[~first], None))

    def _set_classes(self, *styles: Style) -> None:
        super()._set_classes(*styles)
        self.num_classes = None  # unpaired batches have no labels
