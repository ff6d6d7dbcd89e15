"""What flows through a model: what is given, what should come out, and what a discriminator scores.

All three are named tuples: Lightning moves them to a device, torch splits them into micro-batches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from lightning_gans.errors import ConfigError

_FORMS = (
    "a tensor of images, (images, labels), (images, sources), or a dict with 'image' and 'label', 'source', 'mask' or "
    "'text'"
)


class Condition(NamedTuple):
    """What is given besides noise; absent parts are None."""

    label: Tensor | None = None
    """Classes (N,), int64; (N / m, m) where m samples are scored together."""
    source: Tensor | None = None
    """Images (N, C, h, w) in [-1, 1]: to translate, to enlarge, to complete."""
    mask: Tensor | None = None
    """(N, 1, H, W), 1 where something is missing, 0 elsewhere."""
    text: Tensor | None = None
    """Sentence embeddings (N, E)."""

    def tensors(self) -> tuple[Tensor, ...]:
        """The parts that are there, in the order of the fields: what networks take after latents or images."""
        return tuple(part for part in self if part is not None)

    def only(self, names: Iterable[str]) -> "Condition":
        """The parts that a model uses, by their names, and no others.

        Raises:
            ConfigError: One of them is not there.

        Example:
            >>> Condition(label=torch.tensor([3]), mask=torch.zeros(1, 1, 2, 2)).only(["label"])
            Condition(label=tensor([3]), source=None, mask=None, text=None)
        """
        kept = {name: getattr(self, name) for name in names}
        for name, part in kept.items():
            if part is None:
                there = [field for field, value in self._asdict().items() if value is not None] or "no condition"
                raise ConfigError("batch", there, f"the model is given a {name}, and the batch has none: {_FORMS}")
        return Condition(**kept)

    def map(self, function: Callable[[Tensor], Tensor]) -> "Condition":
        """The same with a function applied to each part that is there."""
        return Condition(*(None if part is None else function(part) for part in self))


class Batch(NamedTuple):
    """What a step is made of: whatever a user's loader yields becomes this once, at the door."""

    image: Tensor  # None in predicting alone, where no loss asks for it
    """What should come out, (N, C, H, W) in [-1, 1], or points (N, d); None when predicting."""
    condition: Condition = Condition()
    """What is given."""
    indices: Tensor | None = None
    """Numbers of the samples (N,), int64, where they are known: select their latents when predicting."""

    @classmethod
    def of(cls, raw: Any) -> "Batch":
        """A user's tensor, (images, labels), (images, sources) or dict as a batch; refuses anything else.

        A dict has ``image`` and any of ``label``, ``source``, ``mask``, ``text``, ``index``; other keys are left alone.

        Example:
            >>> Batch.of({"image": torch.zeros(2, 1, 8, 8), "label": torch.tensor([0, 1])}).condition.label
            tensor([0, 1])
        """
        if isinstance(raw, Batch):
            return raw
        if isinstance(raw, Tensor):
            return cls(raw)
        if isinstance(raw, Mapping):
            found = {name: _tensor(raw.get(name)) for name in ("image", "index", *Condition._fields)}
            if any(part is not None for part in found.values()):
                image, index = found.pop("image"), found.pop("index")
                return cls(image, Condition(**found), index)  # type: ignore[arg-type] # None in predicting
        if isinstance(raw, tuple | list) and raw and isinstance(raw[0], Tensor):
            second = _tensor(raw[1]) if len(raw) > 1 else None
            if second is None:
                return cls(raw[0])
            # As torchvision and torch's TensorDataset pair them: numbers that are no floats are labels.
            return cls(raw[0], Condition(source=second) if second.ndim == 4 else Condition(label=second))
        kind = type(raw).__name__ + (f" of {len(raw)}" if isinstance(raw, tuple | list) else "")
        kind = f"dict with keys {sorted(map(str, raw))}" if isinstance(raw, Mapping) else kind
        raise ConfigError("batch", kind, f"expected {_FORMS}")

    @property
    def images(self) -> Tensor:
        """The images (N, ...); refuses a batch that has none."""
        if self.image is None:
            raise ConfigError("batch", "no image", "training needs what should come out, as 'image'")
        return self.image

    @property
    def labels(self) -> Tensor:
        """The labels (N,), int64; refuses a batch that has none."""
        if self.condition.label is None:
            raise ConfigError("batch", "no label", "this model is given labels: (images, labels) or {'image', 'label'}")
        return self.condition.label

    @property
    def size(self) -> int:
        """Number of samples N."""
        return len(next(part for part in (self.image, self.indices, *self.condition) if part is not None))


class Sample(NamedTuple):
    """What a discriminator scores. Image and latent are interpolated, penalized, augmented; conditions never."""

    image: Tensor
    """(N, C, H, W) or points (N, d); None where latents alone are scored."""
    condition: Condition = Condition()
    """What the discriminator is shown of what was given."""
    latent: Tensor | None = None
    """(N, Z), where image and latent are scored together."""
    generated: bool = False
    """Whether it was made by a generator."""

    def tensors(self) -> tuple[Tensor, ...]:
        """What a discriminator takes, in this order: image, latent, parts of the condition; those that are there."""
        return tuple(part for part in (self.image, self.latent, *self.condition) if part is not None)

    def inputs(self) -> tuple[Tensor, ...]:
        """Image and latent, those that are there: what logits are differentiated by."""
        return tuple(part for part in (self.image, self.latent) if part is not None)

    def map(self, function: Callable[[Tensor], Tensor]) -> "Sample":
        """The same with a function applied to image and latent."""
        parts: dict[str, Any] = {"image": self.image, "latent": self.latent}
        changed: dict[str, Any] = {name: function(part) for name, part in parts.items() if part is not None}
        return self._replace(**changed)

    @property
    def size(self) -> int:
        """Number of samples N."""
        return len(self.inputs()[0])


class Scored(NamedTuple):
    """A sample with what a discriminator says of it."""

    sample: Sample
    """What was scored; differentiable leaves where a penalty is going to be taken on these logits."""
    logits: Tensor
    """(N, ...), float32 or more."""
    rest: tuple[Tensor, ...] = ()
    """What else the network returned: ``(logits, *rest)``."""
    seen: Sample | None = None
    """What the network was shown: the sample after augmentation."""


def split_batch(batch: Batch, count: int) -> Iterator[Batch]:
    """Split every tensor of a batch, which must divide, into equal micro-batches along its first dimension.

    Example:
        >>> [part.size for part in split_batch(Batch(torch.zeros(6, 2), Condition(label=torch.zeros(6))), 3)]
        [2, 2, 2]
    """
    if count == 1:
        yield batch
        return
    size, step = batch.size, batch.size // count
    if size % count:
        raise ConfigError("optimization.micro_batches", count, f"a batch of {size} does not divide into {count} parts")
    for start in range(0, size, step):
        yield tree_map(lambda v, at=start: v[at : at + step] if isinstance(v, Tensor) and v.ndim else v, batch)


def _tensor(part: Any) -> Tensor | None:
    """A part of a batch, or of an item that no loader has collated yet."""
    if isinstance(part, Integral):
        return torch.tensor(int(part))
    return part if isinstance(part, Tensor) else None
