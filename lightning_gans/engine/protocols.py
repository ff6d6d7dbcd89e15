"""What a model may be able to do; the one place that looks whether it is."""

from collections.abc import Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from torch import Tensor

from lightning_gans.batch import Condition


@runtime_checkable
class Samples(Protocol):
    """Generates from latents, and from conditions that it draws itself."""

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        seed: int = 0,
        truncation: float | None = None,
        ema: bool = True,
        start: int = 0,
    ) -> Tensor:
        """Samples ``start`` to ``start + n`` of those that ``seed`` selects: (n, C, H, W) in [-1, 1], or (n, d)."""


@runtime_checkable
class Generates(Protocol):
    """Generates from what is given."""

    def generate(self, condition: Condition, *, n: int, seed: int = 0, start: int = 0, ema: bool = True) -> Tensor:
        """Images (n, C, H, W) in [-1, 1], or (n, d)."""


@runtime_checkable
class Translates(Generates, Protocol):
    """Generates from images."""

    def translate(self, images: Tensor, *, seed: int = 0, ema: bool = True) -> Tensor:
        """``generate`` for sources (N, c, h, w)."""


@runtime_checkable
class Encodes(Protocol):
    """Finds latents of images, and makes images of them again."""

    def encode(self, images: Tensor, condition: Condition = ..., *, ema: bool = True) -> Tensor:
        """Latents (N, Z)."""

    def reconstruct(self, images: Tensor, condition: Condition = ..., *, ema: bool = True) -> Tensor:
        """Images as they come back."""


@runtime_checkable
class Enlarges(Protocol):
    """A network from small images (N, C, h, w) of any size to large ones (N, C', scale h, scale w)."""

    scale: int
    overlap: int | None
    """Pixels around a part of the source which decide on what it becomes, all or nearly all that do; None where all do.
    """


@runtime_checkable
class Interpolates(Protocol):
    """Keeps the weights of an earlier phase, to go back a part of the way."""

    def interpolate(self, alpha: float) -> None:
        """Take (1 - alpha) of the earlier weights and alpha of those reached for what translates."""


class Styled(Protocol):
    """A generator that turns latents into styles, and styles, one for each layer, into images."""

    num_styles: int
    """Number L of styles of an image."""
    num_noise: int
    """Number P of noise values of an image."""
    noise_sides: Sequence[int]
    """Side of the noise map of each layer; the maps together are the P values, row by row."""
    mean_style: Tensor
    """The mean of all styles, (W,)."""

    def mapping(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Styles (N, W) of latents (N, Z), and of labels (N,)."""

    def truncate(self, styles: Tensor, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """Styles (N, W) for all layers, (N, L, W), those of the first ``cutoff`` drawn towards the mean."""

    def synthesis(self, styles: Tensor, noise: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) of styles (N, L, W) and noise (N, P), or of the noise that the network keeps."""


class ClassConditional(Samples, Protocol):
    """Generates samples of classes."""

    given: Sequence[str]
    num_classes: int

    def sample_condition(self, first: int, last: int, seed: int) -> Condition:
        """The classes of samples ``first`` to ``last`` where none are asked for."""


class TextConditional(Samples, Generates, Protocol):
    """Generates samples of sentences."""

    given: Sequence[str]
    known_captions: Sequence[str]

    def embed(self, captions: Sequence[str]) -> Tensor:
        """Sentence embeddings (N, E)."""

    def sample_condition(self, first: int, last: int, seed: int) -> Condition:
        """The known captions of samples ``first`` to ``last`` where none are asked for."""

    def known_rows(self, index: Tensor, seed: int) -> Tensor:
        """Which of the known captions are given for samples of these numbers where nobody says, int64 (N,)."""


def can_sample(model: object) -> TypeGuard[Samples]:
    """Whether a model generates from latents."""
    return isinstance(model, Samples)


def can_translate(model: object) -> TypeGuard[Translates]:
    """Whether a model generates from images."""
    return isinstance(model, Translates)


def can_encode(model: object) -> TypeGuard[Encodes]:
    """Whether a model has an encoder."""
    return isinstance(model, Encodes)


def enlarges(network: object) -> TypeGuard[Enlarges]:
    """Whether a network makes large images of small ones."""
    return isinstance(network, Enlarges)


def is_styled(network: object) -> TypeGuard[Styled]:
    """Whether a generator has styles."""
    names = (*Styled.__annotations__, "mapping", "truncate", "synthesis")
    return all(hasattr(network, name) for name in names)  # isinstance looks past buffers, from Python 3.12 on


def can_interpolate(model: object) -> TypeGuard[Interpolates]:
    """Whether a model keeps the weights of an earlier phase."""
    return isinstance(model, Interpolates)


def is_class_conditional(model: object) -> TypeGuard[ClassConditional]:
    """Whether a model generates samples of classes: the label is among what it is given."""
    return can_sample(model) and "label" in getattr(model, "given", ())


def is_text_conditional(model: object) -> TypeGuard[TextConditional]:
    """Whether a model generates samples of sentences: text is among what it is given."""
    return can_sample(model) and "text" in getattr(model, "given", ())


def is_asked_by_data(model: object) -> TypeGuard[Generates]:
    """Whether what a model generates is of something that data have, images or sentences, and is measured by that."""
    return is_text_conditional(model) or (can_translate(model) and not can_sample(model))
