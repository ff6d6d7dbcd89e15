"""What a batch is: a tensor, a tuple or list (images, labels, ...), or a dict with ``image`` and ``label``."""

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from lightning_gans.errors import SettingError


def images_of(batch: Any) -> Tensor:
    """The images (or points) of a batch, (N, ...).

    Raises:
        SettingError: The batch holds no tensor where its images should be.

    Example:
        >>> import torch
        >>> images_of({"image": torch.zeros(3, 1, 8, 8), "label": torch.zeros(3)}).shape
        torch.Size([3, 1, 8, 8])
    """
    if isinstance(batch, Mapping):
        found = batch.get("image", batch.get("images"))
    else:
        found = batch[0] if isinstance(batch, tuple | list) and batch else batch
    if isinstance(found, Tensor):
        return found
    raise SettingError(
        "batch", _shape(batch), "expected a tensor, (images, labels, ...) or {'image': ..., 'label': ...}"
    )


def labels_of(batch: Any) -> Tensor:
    """The class labels of a batch, (N,) int64.

    Raises:
        SettingError: The batch has none.
    """
    if (found := _labels(batch)) is not None:
        return found
    raise SettingError(
        "batch", _shape(batch), "this model is conditional and needs labels: (images, labels) or {'image', 'label'}"
    )


def has_labels(batch: Any) -> bool:
    """Whether a batch, or an item of a data set, has class labels."""
    return _labels(batch) is not None


def _labels(batch: Any) -> Tensor | None:
    if isinstance(batch, Mapping):
        found = batch.get("label", batch.get("labels"))
    else:
        found = batch[1] if isinstance(batch, tuple | list) and len(batch) > 1 else None
    if isinstance(found, Integral):  # of an item that no loader has collated yet
        return torch.tensor(int(found))
    return found if isinstance(found, Tensor) else None


def _shape(batch: Any) -> str:
    if isinstance(batch, Mapping):
        return f"dict with keys {sorted(map(str, batch))}"
    if isinstance(batch, tuple | list):
        return f"{type(batch).__name__} of {len(batch)}"
    return type(batch).__name__


def chunks_of(batch: Any, count: int) -> Iterator[Any]:
    """Split every tensor of a batch into equal chunks along its first dimension.

    Raises:
        SettingError: The batch does not divide.

    Example:
        >>> import torch
        >>> [len(images_of(chunk)) for chunk in chunks_of((torch.zeros(6, 2), torch.zeros(6)), 3)]
        [2, 2, 2]
    """
    if count == 1:
        yield batch
        return
    size = len(images_of(batch))
    if size % count:
        raise SettingError("accumulate", count, f"a batch of {size} does not divide into {count} equal chunks")
    leaves, structure = tree_flatten(batch)
    step = size // count
    for start in range(0, size, step):
        cut = [v[start : start + step] if isinstance(v, Tensor) and v.ndim else v for v in leaves]
        yield tree_unflatten(cut, structure)
