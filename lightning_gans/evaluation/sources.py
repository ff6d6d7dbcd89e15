"""Where images to be measured come from: data sets, models, folders, arrays."""

import hashlib
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, default_collate

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine import Game, LatentModel, Translator
from lightning_gans.engine.checks import require_in_range
from lightning_gans.engine.protocols import Encodes, Generates, Samples, can_encode, is_class_conditional
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import FeatureMaps
from lightning_gans.evaluation.files import ArraySource, FolderSource, ImageSource, as_uint8, image_files
from lightning_gans.images import from_uint8

__all__ = [
    "ArraySource",
    "DatasetSource",
    "FolderSource",
    "GeneratedSource",
    "ImageSource",
    "ReconstructedSource",
    "TranslatedSource",
    "TruncatedSource",
    "image_files",
]


@runtime_checkable
class _HasFingerprint(Protocol):  # knows a hash of its items
    def fingerprint(self) -> str: ...


@runtime_checkable
class _FetchesMany(Protocol):  # as torch's loaders ask for items
    def __getitems__(self, indices: Sequence[int]) -> Any: ...


@runtime_checkable
class _HasCaptions(Protocol):  # knows sentences beside its images, the first of which is embedded
    def captions(self, index: int) -> Sequence[str]: ...


class DatasetSource(ImageSource):
    """The items of a map-style data set: images in [-1, 1] or uint8, alone or with conditions as ``Batch.of`` has them.

    Raises:
        ConfigError: It is empty, or has no length.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        count = len(dataset) if isinstance(dataset, Sized) else 0
        if count == 0:
            raise ConfigError("real", type(dataset).__name__, "needs a data set with a length and at least one image")
        self.dataset, self.count = dataset, count
        self._fingerprint: str | None = None
        self._last: tuple[tuple[int, int], Batch] | None = None

    def __len__(self) -> int:
        return self.count

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``; numbers that are not finite, and float images beyond [-1, 1], are refused."""
        images = self.batch(first, last).images
        if images.is_floating_point():
            low, high = (float(end) for end in images.aminmax())
            bounds = (-1.0, 1.0) if images.ndim == 4 else None
            require_in_range("real", "images", low, high, bounds, "scale them (images.from_uint8 does)")
        return as_uint8(images)

    def condition(self, first: int, last: int) -> Condition:
        """That of the items; source images in [-1, 1]."""
        found = self.batch(first, last).condition
        source = found.source
        return found if source is None or source.is_floating_point() else found._replace(source=from_uint8(source))

    def batch(self, first: int, last: int) -> Batch:
        """Items ``first`` to ``last`` as the data set has them."""
        if self._last is None or self._last[0] != (first, last):  # image, condition and target are asked for in turn
            if isinstance(self.dataset, _FetchesMany):
                found = self.dataset.__getitems__(range(first, last))
            else:
                found = [self.dataset[index] for index in range(first, last)]
            collated = default_collate([_collatable(item) for item in found]) if isinstance(found, list) else found
            self._last = (first, last), Batch.of(collated)
        return self._last[1]

    def provenance(self) -> dict[str, Any]:
        """Kind, count and a hash of all items (read once; a data set that has a ``fingerprint()`` is asked for it)."""
        dataset = self.dataset
        if self._fingerprint is None:
            self._fingerprint = dataset.fingerprint() if isinstance(dataset, _HasFingerprint) else self._hash()
        return {"kind": type(dataset).__name__, "count": self.count, "sha256": self._fingerprint}

    def _hash(self) -> str:
        """Of images, and of what they are made from; not of labels, which change no image."""
        digest = hashlib.sha256()
        for first in range(0, self.count, 1024):
            batch = self.batch(first, min(first + 1024, self.count))
            for part in (batch.image, *batch.condition._replace(label=None)):
                if part is not None:
                    part = as_uint8(part).contiguous().cpu()
                    digest.update(f"{part.dtype} {tuple(part.shape)}".encode())
                    digest.update(part.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _collatable(item: Any) -> Any:
    """An item without what evaluation does not need, which may be of a kind that nobody can collate."""
    if isinstance(item, Batch):
        item = {"image": item.image, **item.condition._asdict()}
    if isinstance(item, Mapping):
        return {name: item[name] for name in ("image", *Condition._fields) if item.get(name) is not None}
    return item


class GeneratedSource(ImageSource):
    """Samples of a generator that a seed selects, from averaged weights if ``ema``.

    All are of the class ``label``, of a class-conditional model; None for the classes that it draws.

    Raises:
        ConfigError: Fewer than two samples.
    """

    def __init__(
        self, model: Samples, num_samples: int, seed: int = 0, ema: bool = True, label: int | None = None
    ) -> None:
        if num_samples < 2:
            raise ConfigError("num_samples", num_samples, "a distribution needs at least 2 samples")
        self.model, self.num_samples, self.seed, self.ema, self.label = model, num_samples, seed, ema, label
        self.num_classes = model.num_classes if is_class_conditional(model) else None

    def __len__(self) -> int:
        return self.num_samples

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        labels = None if self.label is None else torch.full((last - first,), self.label)
        return as_uint8(self.model.sample(last - first, labels=labels, seed=self.seed, ema=self.ema, start=first))

    def condition(self, first: int, last: int) -> Condition:
        """The classes that a class-conditional model was asked for."""
        if self.label is not None:
            return Condition(label=torch.full((last - first,), self.label))
        if is_class_conditional(self.model):
            return self.model.sample_condition(first, last, self.seed)
        return Condition()

    def with_label(self, label: int) -> "GeneratedSource | None":
        """See ``ImageSource``."""
        if self.num_classes is None:
            return None
        return GeneratedSource(self.model, self.num_samples, self.seed, self.ema, label)

    def reconstructions(self, real: ImageSource) -> "ReconstructedSource | None":
        """See ``ImageSource``."""
        return ReconstructedSource(self.model, real, self.ema) if can_encode(self.model) else None

    def provenance(self) -> dict[str, Any]:
        """Model, count, seed and weights."""
        return _of_model(self.model, self.ema) | {"count": len(self), "seed": self.seed}


class TruncatedSource(GeneratedSource):
    """The same of a model of latents, with the settings of ``generate`` that truncate: ``psi`` or ``truncation``."""

    model: LatentModel

    def __init__(
        self, model: LatentModel, num_samples: int, seed: int = 0, ema: bool = True, **settings: float | None
    ) -> None:
        super().__init__(model, num_samples, seed, ema)
        self.settings = settings

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        drawn: dict[str, Any] = {"seed": self.seed, "ema": self.ema, "start": first, **self.settings}
        condition = self.model.sample_condition(first, last, self.seed)
        return as_uint8(self.model.generate(condition, n=last - first, **drawn))

    def provenance(self) -> dict[str, Any]:
        """See ``GeneratedSource``, and the settings."""
        return super().provenance() | self.settings


class ReconstructedSource(ImageSource):
    """Real images as they come back from a model's encoder and generator; their targets are the images."""

    def __init__(self, model: Encodes, real: ImageSource, ema: bool = True) -> None:
        self.model, self.real, self.ema = model, real, ema

    def __len__(self) -> int:
        return len(self.real)

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        images = self.real.images(first, last)
        given = images if images.is_floating_point() else from_uint8(images)
        return as_uint8(self.model.reconstruct(given, self.condition(first, last), ema=self.ema))

    def condition(self, first: int, last: int) -> Condition:
        """See ``ImageSource``."""
        return self.real.condition(first, last)

    def targets(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        return self.real.images(first, last)

    def provenance(self) -> dict[str, Any]:
        """Model, weights and images."""
        return _of_model(self.model, self.ema) | {"count": len(self), "real": self.real.provenance()}


class TranslatedSource(ImageSource):
    """What a model makes of the conditions of a data set: translations of its source images, and the targets with them.

    Image i is generated from the condition of item i; ``seed`` selects what else the model draws. Only if ``paired``
    is the image of an item the target of its condition. In the direction ``"BtoA"`` images are what is translated, and
    sources what should come out.

    Raises:
        ConfigError: The data set is empty, or has no length.
    """

    def __init__(
        self,
        model: Generates,
        dataset: Dataset[Any],
        seed: int = 0,
        ema: bool = True,
        *,
        paired: bool = True,
        direction: str = "AtoB",
    ) -> None:
        self.model, self.data, self.seed, self.ema, self.paired = model, DatasetSource(dataset), seed, ema, paired
        self._way = {} if direction == "AtoB" else {"direction": direction}  # models of users may know no other

    def __len__(self) -> int:
        return len(self.data)

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        given = self.condition(first, last)
        drawn: dict[str, Any] = {"seed": self.seed, "start": first, "ema": self.ema, **self._way}
        return as_uint8(self.model.generate(given, n=last - first, **drawn))

    def condition(self, first: int, last: int) -> Condition:
        """That of the items; an item that is an image and nothing else is what to translate."""
        if self._way:
            return Condition(source=from_uint8(self.data.images(first, last)))
        batch = self.data.batch(first, last)
        if batch.condition.tensors() or batch.image is None:
            return self.data.condition(first, last)
        return Condition(source=batch.image)

    def targets(self, first: int, last: int) -> Tensor | None:
        """The images of the items, where they are paired with conditions."""
        batch = self.data.batch(first, last)
        if not self.paired or batch.image is None or not batch.condition.tensors():
            return None
        if self._way:
            return None if batch.condition.source is None else as_uint8(batch.condition.source)
        return self.data.images(first, last)

    def captions(self, first: int, last: int) -> list[str] | None:
        """See ``ImageSource``."""
        numbers, dataset = self._whole()
        if not isinstance(dataset, _HasCaptions):
            return None
        return [dataset.captions(number)[0] for number in numbers[first:last].tolist()]

    def numbers(self) -> Tensor:
        """See ``ImageSource``."""
        return self._whole()[0]

    def _whole(self) -> tuple[Tensor, Dataset[Any]]:
        """The data set that these may be a part of, and the number of each item in it."""
        found, dataset = torch.arange(len(self)), self.data.dataset
        while isinstance(dataset, Subset):
            found, dataset = torch.as_tensor(dataset.indices)[found], dataset.dataset
        return found, dataset

    def reversed(self) -> "TranslatedSource | None":
        """See ``ImageSource``."""
        if self._way or not isinstance(self.model, Translator) or "BtoA" not in self.model.directions:
            return None
        way: dict[str, Any] = {"paired": self.paired, "direction": "BtoA"}
        return TranslatedSource(self.model, self.data.dataset, self.seed, self.ema, **way)

    def provenance(self) -> dict[str, Any]:
        """Model, weights, count, seed, and the pairs that targets are of."""
        pairs = self.data.provenance() | {"paired": self.paired}
        return (
            _of_model(self.model, self.ema) | self._way | {"count": len(self), "seed": self.seed, "conditions": pairs}
        )


def _of_model(model: object, ema: bool) -> dict[str, Any]:
    """Kind and weights of a model, and the features that it compares contents in, if it does."""
    averaged = ema and isinstance(model, Game) and model.ema is not None
    parts = model.named_children() if isinstance(model, Game) else ()
    compared = {name: part.provenance() for name, part in parts if isinstance(part, FeatureMaps)}
    return {"kind": type(model).__name__, "weights": "ema" if averaged else "raw"} | compared
