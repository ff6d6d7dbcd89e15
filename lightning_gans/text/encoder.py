"""The contract of every text encoder: captions in, sentence embeddings out."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError

Captions = Sequence[Sequence[str]]
"""Every image's captions: one or more."""
Images = Callable[[Sequence[int]], Tensor]
"""Images (N, C, H, W) in [-1, 1] by their rows."""


class TextEncoder(nn.Module, ABC):
    """Maps captions to sentence embeddings (N, E): a fixed function, whatever the model around it does.

    It is always in eval mode and has no gradients. A caption's embedding does not depend on those beside it, up to
    float32 rounding. A subclass sets ``text_dim`` (E), writes ``embed``, and calls ``freeze`` once its weights are
    there; one that learns from the training data writes ``fit``.
    """

    text_dim: int
    """E, the length of an embedding."""
    batch_size: int = 128
    """How many captions are embedded at once."""

    if TYPE_CHECKING:  # torch leaves what a module returns untyped

        def __call__(self, captions: Sequence[str]) -> Tensor: ...  # noqa: D102

    @abstractmethod
    def embed(self, captions: Sequence[str]) -> Tensor:
        """Embeddings (N, E) of at most ``batch_size`` captions, of about one length."""

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """What identifies the function, as plain data: ``name``, and ``sha256`` of the weights (hex)."""

    def fit(self, captions: Captions, images: Images, seed: int) -> None:
        """Learn from training pairs, where the encoder does and has not yet; ``captions[i]`` are those of image i."""
        return

    def embed_all(self, captions: Sequence[str]) -> Tensor:
        """Embeddings (N, E), on the CPU, of the distinct captions of a data set; a slow encoder keeps them on disk."""
        return self(captions).cpu()

    def forward(self, captions: Sequence[str]) -> Tensor:
        """Embeddings (N, E), float32, without gradient, of N captions.

        Raises:
            ConfigError: They are no list of strings.
        """
        if isinstance(captions, str) or not all(isinstance(caption, str) for caption in captions):
            raise ConfigError("captions", _shortened(captions), "give a list of strings")
        # Captions of one length beside each other: none waits for a longer one.
        order = sorted(range(len(captions)), key=lambda row: len(captions[row]))
        embedded = torch.empty(len(captions), self.text_dim, device=self.device)
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            for first in range(0, len(order), self.batch_size):
                rows = order[first : first + self.batch_size]
                embedded[rows] = self.embed([_valid(captions[row]) for row in rows])
        return embedded

    @property
    def device(self) -> torch.device:
        """Where it computes: where its weights lie, the CPU for one without."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    def freeze(self) -> Self:
        """Switch off training behavior and gradients of all submodules."""
        return self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, even when a surrounding model switches to training."""
        return super().train(False)


def sha256_of(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Hash (hex) of named tensors: names, types, shapes, and every bit."""
    digest = hashlib.sha256()
    for name, value in tensors:
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _valid(caption: str) -> str:
    """The caption without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return caption.encode("utf-8", "replace").decode()


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
