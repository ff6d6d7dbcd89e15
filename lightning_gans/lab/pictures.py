"""What is shown of a game on images: a scene that stays the same, frames of how it stands, and what is asked for."""

import base64
import io
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lightning_gans.batch import Batch, Condition
from lightning_gans.callbacks import data
from lightning_gans.engine import Game, LatentModel
from lightning_gans.engine.protocols import can_encode, can_translate, is_class_conditional, is_text_conditional
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import grid_picture, interpolation
from lightning_gans.figures.points import undisturbed
from lightning_gans.images import to_uint8
from lightning_gans.models.gan import GAN

PARTS = ("samples", "verdicts", "rebuilt", "visuals", "average")
"""What a frame of images may show: samples; D's verdicts on them and on real ones; real ones as they come back from
their latents; what else the model shows; and ``average``: all of it by the averaged weights."""

_SAMPLES, _REFERENCE = 16, 60  # the latter divide into packs of up to 6
_MOST = 64  # images of an answer


class ImageFrames:
    """Scene and frames of a game on images, each image a data URL of a PNG.

    The scene: 16 ``real`` images, ``verdict``: probability or rank, or None without a discriminator of single images;
    ``latent_dim`` and ``num_classes``, None where there are none; ``encodes``: whether images have latents; 16
    ``sources`` of a translator, 16 ``captions`` of a model of sentences. A frame has those of ``PARTS`` that are asked
    for and that there are: ``samples`` (16, always the same latents, sources or captions); ``verdicts`` and
    ``real_verdicts``, percent: the probability that D gives, or, of critics that know none, the share of 60 real images
    that score lower; ``rebuilt``: the 16 real images; ``visuals``: pictures by name.
    """

    kind = "images"

    def __init__(self, trainer: Trainer, model: Game) -> None:
        self.model = model
        by_data = can_translate(model) or is_text_conditional(model)
        dataset = data.held_out_pairs(trainer) if by_data else data.real_images(trainer)
        assert dataset is not None  # the games of fit have data
        self._batch = _on(model.prepare(data.spread_batch(dataset, _REFERENCE)), model.device)
        self._captions = data.captions_of(dataset, _SAMPLES) if is_text_conditional(model) else None
        self._by_data = by_data
        self._scores_images = self._has_verdicts()

    def scene(self) -> dict[str, Any]:
        """What stays the same."""
        model, source = self.model, self._batch.condition.source
        objective = model.critic.objective if isinstance(model, GAN) else None
        known = "probability" if objective is not None and objective.cross_entropy else "rank"
        return {
            "real": as_urls(self._batch.images[:_SAMPLES]),
            "verdict": known if self._scores_images else None,
            "latent_dim": model.latent_dim if isinstance(model, LatentModel) else None,
            "num_classes": model.num_classes if is_class_conditional(model) else None,
            "encodes": can_encode(model),
            "sources": None if source is None else as_urls(source[:_SAMPLES]),
            "captions": self._captions,
        }

    def frame(self, parts: Collection[str]) -> dict[str, Any]:
        """How the game stands."""
        model, ema = self.model, "average" in parts
        found: dict[str, Any] = {}
        real = _first(self._batch, _SAMPLES)
        with undisturbed(model, model.device), torch.no_grad():
            if "samples" in parts and self._by_data:
                images = model.generate(real.condition, n=real.size, seed=0, ema=ema)  # type: ignore[operator] # it can
                found["samples"] = as_urls(images)
            elif "samples" in parts and isinstance(model, LatentModel):
                found |= self._drawn(*self._inputs(_SAMPLES, 0), ema=ema, judged="verdicts" in parts)
            if "verdicts" in parts and self._scores_images:
                found["real_verdicts"] = self._percent(self._logits(real))
            if "rebuilt" in parts and can_encode(model):
                found["rebuilt"] = as_urls(model.reconstruct(real.images, real.condition, ema=ema))
            if "visuals" in parts and isinstance(model, LatentModel):
                rows = model.visuals(_on(real, torch.device("cpu")), 0)
                found["visuals"] = {name: as_url(_table(each)) for name, each in rows.items()}
        return found

    def answer(self, kind: str, **what: Any) -> dict[str, Any]:
        """What else is asked for, by kind, of a model with latents; ``label`` where classes are given.

        ``samples`` (n, seed, label, average): ``samples`` and ``verdicts``. ``latent`` (seed, index): ``z``, those of a
        sample. ``images`` (z: rows of latents, label, average): ``samples`` and ``verdicts``. ``walk`` (steps, seed):
        ``samples`` from one latent to another. ``rebuild`` (start, n, average): real images as ``originals``, their
        ``z``, and ``rebuilt``.

        Raises:
            ConfigError: The model cannot, or what is asked for is out of range.
        """
        work: dict[str, Callable[..., dict[str, Any]]] = {
            "samples": self._samples,
            "latent": self._latent,
            "images": self._images,
            "walk": self._walk,
            "rebuild": self._rebuild,
        }
        if kind not in work or not isinstance(self.model, LatentModel):
            raise ConfigError(kind, what, f"is nothing that {type(self.model).__name__} answers")
        with undisturbed(self.model, self.model.device), torch.no_grad():
            return work[kind](**what)

    # The answers.

    def _samples(
        self, n: int = _SAMPLES, seed: int = 0, label: int | None = None, average: bool = True
    ) -> dict[str, Any]:
        return self._drawn(*self._inputs(_count(n), seed, label), ema=average)

    def _latent(self, seed: int = 0, index: int = 0) -> dict[str, Any]:
        assert isinstance(self.model, LatentModel)
        z, *_ = self.model.generator_inputs(Condition(), index, index + 1, seed)
        return {"z": z[0].tolist()}

    def _images(self, z: Sequence[Sequence[float]], label: int | None = None, average: bool = True) -> dict[str, Any]:
        assert isinstance(self.model, LatentModel)
        size = self.model.latent_dim
        if not 1 <= len(z) <= _MOST or any(len(row) != size for row in z):
            raise ConfigError("z", f"{len(z)} rows", f"up to {_MOST} rows of {size} numbers are latents of this model")
        latents = torch.tensor(z, device=self.model.device).type(self.model.dtype)
        return self._drawn(latents, self._condition(len(z), 0, label), ema=average)

    def _walk(self, steps: int = 8, seed: int = 0) -> dict[str, Any]:
        assert isinstance(self.model, LatentModel)
        return {"samples": as_urls(interpolation(self.model, _count(steps), seed))}

    def _rebuild(self, start: int = 0, n: int = 8, average: bool = True) -> dict[str, Any]:
        if not can_encode(self.model):
            raise ConfigError("rebuild", type(self.model).__name__, "has no encoder")
        batch = _first(self._batch, start + _count(n))
        images, given = batch.images[start:], batch.condition.map(lambda part: part[start:])
        z = self.model.encode(images, given, ema=average)
        rebuilt = self.model.reconstruct(images, given, ema=average)
        return {"originals": as_urls(images), "z": z.tolist(), "rebuilt": as_urls(rebuilt)}

    # What they are made of.

    def _condition(self, n: int, seed: int, label: int | None = None) -> Condition:
        assert isinstance(self.model, LatentModel)
        if label is None:
            drawn = self.model.sample_condition(0, n, seed)
        elif self.model.num_classes is None or not 0 <= label < self.model.num_classes:
            hint = (
                f"classes are 0 to {self.model.num_classes - 1}" if self.model.num_classes else "there are no classes"
            )
            raise ConfigError("label", label, hint)
        else:
            drawn = Condition(label=torch.full((n,), label))
        return drawn.map(lambda part: part.to(self.model.device))

    def _inputs(self, n: int, seed: int, label: int | None = None) -> tuple[Tensor, Condition]:
        """Latents (n, Z) and what is given."""
        assert isinstance(self.model, LatentModel)
        condition = self._condition(n, seed, label)
        z, *_ = self.model.generator_inputs(Condition(), 0, n, seed)
        return z, condition

    def _drawn(self, z: Tensor, condition: Condition, *, ema: bool, judged: bool = True) -> dict[str, Any]:
        """Images of latents, and D's verdicts on them."""
        assert isinstance(self.model, LatentModel)
        images: Tensor = self.model(z, *condition.tensors(), ema=ema)
        found: dict[str, Any] = {"samples": as_urls(images)}
        if judged and self._scores_images and isinstance(self.model, GAN):
            sample = self.model.fake(Batch(images, condition), z)
            if sample.image.shape == images.shape:  # or D sees smaller ones, as long as networks grow
                sample = sample._replace(image=images)
            found["verdicts"] = self._percent(self.model.critic.logits(sample))
        return found

    def _has_verdicts(self) -> bool:
        """Whether D scores images one by one."""
        if not isinstance(self.model, GAN):
            return False
        with undisturbed(self.model, self.model.device), torch.no_grad():
            return len(self._logits(self._batch)) == self._batch.size

    def _logits(self, batch: Batch) -> Tensor:
        assert isinstance(self.model, GAN)
        return self.model.critic.logits(self.model.real(batch))

    def _percent(self, logits: Tensor) -> list[float]:
        """Verdicts of logits (N, ...), those of patches averaged."""
        assert isinstance(self.model, GAN)
        objective = self.model.critic.objective
        if objective is not None and objective.cross_entropy:
            shares = logits.sigmoid().reshape(len(logits), -1).mean(1)
        else:
            real = self._logits(self._batch).reshape(self._batch.size, -1).mean(1)
            shares = (real < logits.reshape(len(logits), -1).mean(1)[:, None]).double().mean(1)
        return [round(100 * share, 1) for share in shares.tolist()]


def as_url(picture: Image.Image) -> str:
    """A picture as a data URL."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def as_urls(images: Tensor) -> list[str]:
    """Images (N, C, H, W) in [-1, 1], each as a data URL; of channels other than 1 or 3 the first is shown."""
    drawn = images if images.shape[1] in (1, 3) else images[:, :1]
    return [as_url(to_pil_image(image)) for image in to_uint8(drawn).cpu()]


def _table(rows: Tensor) -> Image.Image:
    """Images (R, K, C, H, W) as rows of a picture."""
    return grid_picture(rows.flatten(0, 1), rows.shape[1])


def _first(batch: Batch, n: int) -> Batch:
    return Batch(batch.images[:n], batch.condition.map(lambda part: part[:n]))


def _on(batch: Batch, device: torch.device) -> Batch:
    return Batch(batch.images.to(device), batch.condition.map(lambda part: part.to(device)))


def _count(n: int) -> int:
    if not 1 <= n <= _MOST:
        raise ConfigError("n", n, f"from 1 to {_MOST} images can be asked for")
    return n
