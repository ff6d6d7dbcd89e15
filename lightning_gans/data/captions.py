"""Images with captions: sentences beside each, handed out as their embeddings."""

import hashlib
import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import BatchedDataset
from lightning_gans.data.loading import StatefulDataLoader
from lightning_gans.errors import ConfigError
from lightning_gans.text import JointEmbedding, TextEncoder

_CAPTIONS = -3  # the stream of random numbers that captions are drawn by


class CaptionedDataset(BatchedDataset):
    """Images of another data set with the embedding of a caption each: ``"image"``, ``"text"``, and their labels.

    In order it is an image's first caption, in training one that is drawn. Every distinct caption is embedded once,
    when the first batch is made, or by ``embed``.

    Args:
        images: The images, perhaps with labels.
        captions: Of each image, one or more.
        encoder: What makes embeddings of them.

    Raises:
        ConfigError: An image has no caption.
    """

    def __init__(self, images: BatchedDataset, captions: Sequence[Sequence[str]], encoder: TextEncoder) -> None:
        for number, found in enumerate(captions):
            if not found:
                raise ConfigError("captions", number, "an image needs a caption, '' if there is nothing to say")
        if len(captions) != len(images):
            raise ConfigError("captions", len(captions), f"there are {len(images)} images; give captions of each")
        self.images, self.encoder = images, encoder
        self._captions = [list(found) for found in captions]
        self._numbers = {text: number for number, text in enumerate(dict.fromkeys(chain(*self._captions)))}
        self._table: Tensor | None = None  # (distinct captions, E)
        self._made_by: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.images)

    def captions(self, index: int) -> list[str]:
        """The captions of an image."""
        return self._captions[index]

    def pictures(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Images, and labels if there are any, without their captions."""
        items = self.images.__getitems__(indices)
        return items if isinstance(items, dict) else dict(zip(("image", "label"), items, strict=False))

    def embed(self) -> None:
        """Embed the captions, unless the encoder, as it is, has done so."""
        if self._made_by != (made_by := self.encoder.provenance()):
            self._table, self._made_by = self.encoder.embed_all([*self._numbers]), made_by

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        return self._with_text(indices, [0] * len(indices))

    def training_items(self, rows: Sequence[int], seed: int) -> dict[str, Tensor]:
        """See ``BatchedDataset``; which of an image's captions is shown is a function of seed and row."""
        indices = [row % len(self) for row in rows]
        drawn = augmentation_noise(seed, _CAPTIONS, rows, 1)[:, 0].tolist()
        places = [int(u * len(self._captions[index])) for u, index in zip(drawn, indices, strict=True)]
        return self._with_text(indices, places)

    def fingerprint(self) -> str:
        """A hash of the images and of all captions; not of embeddings, which are the encoder's."""
        parts = self.images.fingerprint() + json.dumps(self._captions)
        return hashlib.sha256(parts.encode()).hexdigest()

    def _with_text(self, indices: Sequence[int], places: Sequence[int]) -> dict[str, Tensor]:
        if self._table is None:
            self.embed()
        assert self._table is not None
        numbers = [self._numbers[self._captions[i][place]] for i, place in zip(indices, places, strict=True)]
        return self.pictures(indices) | {"text": self._table[torch.tensor(numbers)]}


class CaptionedData(ImageDataModule):
    """Images with captions: ``captioned`` makes the data sets, an encoder that is fixed or learns from them first.

    Metrics compare what captions of the held-out images become with these images.

    Args:
        text_encoder: Makes embeddings of captions; None for a ``JointEmbedding``, which is trained on the training
            captions and images before anything else, about a minute, and kept on disk.
    """

    paired = True
    """Whether an image shows what its caption says."""

    def __init__(self, *args: Any, text_encoder: TextEncoder | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.text_encoder = JointEmbedding() if text_encoder is None else text_encoder
        self.text_dim = self.text_encoder.text_dim

    def setup(self, stage: str | None = None) -> None:
        """Read images and captions, and let the encoder learn from those of training, once."""
        fresh = self._train is None
        super().setup(stage)
        if fresh:
            train = self._captioned(self._train)
            captions = [train.captions(index) for index in range(len(train))]
            self.text_encoder.fit(captions, lambda rows: train.pictures(rows)["image"], self.seed)

    @property
    def reference_dataset(self) -> BatchedDataset:
        """What is held out, with captions that nothing was trained on."""
        return self.test_dataset

    def captioned(self, images: BatchedDataset, captions: Sequence[Sequence[str]]) -> CaptionedDataset:
        """Images with their captions, which are embedded by this module's encoder."""
        return CaptionedDataset(images, captions, self.text_encoder)

    def train_dataloader(self) -> StatefulDataLoader:
        """See ``ImageDataModule``; captions are embedded here, before there are workers."""
        self._captioned(self.train_dataset).embed()
        return super().train_dataloader()

    def test_dataloader(self) -> DataLoader[Any]:
        """The test images in order, likewise."""
        self.setup()
        self._captioned(self.test_dataset).embed()
        return super().test_dataloader()

    @staticmethod
    def _captioned(dataset: BatchedDataset | None) -> CaptionedDataset:
        assert isinstance(dataset, CaptionedDataset)
        return dataset
