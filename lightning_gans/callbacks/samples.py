"""Pictures of what a model generates."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from lightning_gans.batch import Batch, Sample
from lightning_gans.callbacks import data
from lightning_gans.callbacks.run_dir import is_fast_dev_run, run_dir
from lightning_gans.engine.encoder import WithEncoder, WithGaussianEncoder
from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.protocols import (
    Samples,
    TextConditional,
    Translates,
    can_sample,
    can_translate,
    is_text_conditional,
)
from lightning_gans.engine.translator import Translator
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.sources import TranslatedSource
from lightning_gans.figures import grids, points
from lightning_gans.figures.latents import plot_latents
from lightning_gans.images import from_uint8
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import active_units, gaussian_kl_per_latent

_IMAGES, _POINTS, _PAIRS = 64, 1000, 8  # in a picture, unless it is said how many
_OF_CAPTION = 7  # samples of each
_ENCODED = 500  # images whose latents are drawn


class SampleGrid(Callback):
    """Saves and logs a picture of what a model generates of fixed latents, or of fixed sources.

    Images: samples, an interpolation below them, real images beside them. Points of the plane: samples and real points
    over the discriminator's logits, with arrows in the direction in which the generator's loss falls (see
    ``figures.points``), and circles around the modes where the datamodule has ``means``; the axes are the same in all
    pictures of a run. Of points in more dimensions, the first two coordinates; of numbers, histograms. Translations:
    input, generated and target of held-out pairs in rows. Of sentences: held-out captions, and above each samples of it
    and the image that it belongs to. What else a model shows by ``visuals`` is drawn beside, and the latents of real
    images where it has an encoder.

    The file is ``samples/step_<n>.png`` in the run's folder; loggers that hold images get it as ``samples/grid``.

    Args:
        every_n_steps: Steps between pictures; there is one at the end too. 0 for no pictures at all.
        num_samples: How many; by default 64 images, arranged in a square of 8 x 8, 1,000 points, or 8
            translations or captions.
        seed: Selects their latents, the same in every picture.
        reference: Real images for comparison, or pairs to translate; by default the datamodule's reference or its test
            pairs, or else the data set of a loader.

    Raises:
        ConfigError: A setting is out of its range, or the model neither samples nor translates.
    """

    def __init__(
        self,
        every_n_steps: int = 1000,
        num_samples: int | None = None,
        seed: int = 0,
        reference: Dataset[Any] | None = None,
    ) -> None:
        if every_n_steps < 0:
            raise ConfigError("samples.every_n_steps", every_n_steps, "must be 1 or more; 0 draws nothing")
        if num_samples is not None and num_samples < 1:
            raise ConfigError("samples.num_samples", num_samples, "must be 1 or more")
        self.every_n_steps, self.num_samples, self.seed, self.reference = every_n_steps, num_samples, seed, reference
        self.path: Path | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew: what an earlier fit saw may have been other data."""
        self._drawn_at = -1
        self._window: points.PlotWindow | None = None  # of the points, fixed in the first picture
        self._has_field: bool | None = None  # whether D scores points of the plane: asked with the first batch

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Draw when a multiple of ``every_n_steps`` is reached."""
        if self._has_field is None and isinstance(pl_module, GAN):
            prepared = pl_module.prepare(batch)
            with points.undisturbed(pl_module, pl_module.device), torch.no_grad():
                self._has_field = points.discriminates_2d_points(pl_module.real(prepared), prepared)
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the final state, unless that was just done."""
        if self.every_n_steps and self._drawn_at != trainer.global_step:
            self._draw(trainer, pl_module)

    def _draw(self, trainer: Trainer, model: LightningModule) -> None:
        self._drawn_at = trainer.global_step
        if is_text_conditional(model):
            pictures = self._of_captions(trainer, model)
        elif can_sample(model):
            pictures = self._samples(trainer, model)
        elif can_translate(model):
            pictures = self._translations(trainer, model)
        else:
            raise ConfigError("samples", type(model).__name__, data.NO_IMAGES)
        folder = Path(run_dir(trainer)) / "samples"  # asks all processes
        if not trainer.is_global_zero or is_fast_dev_run(trainer):
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            path = folder / f"{'step' if name == 'grid' else name}_{trainer.global_step:09d}.png"
            picture.save(path)
            log_image(trainer, f"samples/{name}", picture)
            self.path = path if name == "grid" else self.path

    def _samples(self, trainer: Trainer, model: Samples) -> dict[str, Image.Image]:
        """Samples beside real images, and what else the model shows."""
        are_points = model.sample(1, seed=self.seed).ndim == 2
        num = self.num_samples or (_POINTS if are_points else _IMAGES)
        fake = model.sample(num, seed=self.seed)
        dataset = self.reference if self.reference is not None else data.real_images(trainer)
        batch = (
            None if dataset is None else data.spread_batch(dataset, num)
        )  # an iterable data set shows no images twice
        real = None if batch is None else batch.images
        if are_points:
            return {"grid": self._points(trainer, model, fake, real)}
        if not isinstance(model, LatentModel):  # somebody's own: what is between two samples, only it knows
            return {"grid": grids.sample_figure(fake, None, real)}
        row = grids.interpolation(model, grids.grid_columns(num), seed=self.seed)
        pictures = {"grid": grids.sample_figure(fake, row, real)} | _visuals(model, batch, self.seed)
        if isinstance(model, WithEncoder) and dataset is not None:
            pictures["latents"] = _latents(model, data.spread_batch(dataset, _ENCODED), trainer.global_step)
        return pictures

    def _translations(self, trainer: Trainer, model: Translates) -> dict[str, Image.Image]:
        """What the model makes of held-out sources, beside these and their targets, and what else it shows."""
        dataset = self.reference if self.reference is not None else data.held_out_pairs(trainer)
        if dataset is None:
            raise ConfigError("samples.reference", None, "pass pairs to translate: SampleGrid(reference=...)")
        num = self.num_samples or _PAIRS
        pairs = TranslatedSource(model, data.spread(dataset, num), self.seed, paired=data.are_paired(trainer))
        (source,) = pairs.condition(0, len(pairs)).only(["source"]).tensors()
        generated, target = pairs.images(0, len(pairs)), pairs.targets(0, len(pairs))
        grid = grids.translation_figure(source, from_uint8(generated), None if target is None else from_uint8(target))
        beside = _visuals(model, data.spread_batch(dataset, num), self.seed) if isinstance(model, Translator) else {}
        beside.pop("translations", None)  # the same as the grid, without captions
        return {"grid": grid} | beside

    def _of_captions(self, trainer: Trainer, model: TextConditional) -> dict[str, Image.Image]:
        """Several samples of each of some held-out captions, beside the image that each belongs to."""
        dataset = self.reference if self.reference is not None else data.held_out_pairs(trainer)
        if dataset is None:
            raise ConfigError("samples.reference", None, "pass images with captions: SampleGrid(reference=...)")
        batch = data.spread_batch(dataset, num := self.num_samples or _PAIRS)
        given = batch.condition.only(["text"]).map(lambda part: part.repeat_interleave(_OF_CAPTION, 0))
        made = model.generate(given, n=batch.size * _OF_CAPTION, seed=self.seed).split(_OF_CAPTION)
        figure = grids.caption_figure(made, data.captions_of(dataset, num), batch.image, _OF_CAPTION)
        return {"grid": figure}

    def _points(self, trainer: Trainer, model: Samples, fake: Tensor, real: Tensor | None) -> Image.Image:
        title = f"step {trainer.global_step:,}"
        seen = fake if real is None else real
        if self._window is None:
            finite = seen[seen.isfinite().all(1)].cpu()
            self._window = points.PlotWindow.of(finite[:, :2].expand(-1, 2) if len(finite) else torch.ones(1, 2))
        if fake.shape[1] == 1:
            return points.plot_histogram(fake, real, self._window.extent[:2], title)
        field = _field(model, seen, fake, self._window) if isinstance(model, GAN) and self._has_field else None
        return points.plot_points(fake, real, self._window, title, data.mode_centers(trainer), field)


def _field(model: GAN, real: Tensor, fake: Tensor, window: points.PlotWindow) -> points.LogitField | None:
    def logits(x: Tensor) -> Tensor:
        return model.critic.logits(Sample(x.to(model.device).type(model.dtype)))

    with points.undisturbed(model, model.device):
        return points.logit_field(logits, real, fake, window)


def _visuals(model: LatentModel | Translator, batch: Batch | None, seed: int) -> dict[str, Image.Image]:
    rows = model.visuals(batch, seed)  # (R, K, C, H, W)
    return {name: grids.grid_picture(images.flatten(0, 1), images.shape[1]) for name, images in rows.items()}


@torch.no_grad()
def _latents(model: WithEncoder, batch: Batch, step: int) -> Image.Image:
    """The codes of real images, and how much each latent says where it has a distribution."""
    images = batch.images.to(model.device).type(model.dtype)
    if not isinstance(model, WithGaussianEncoder):
        return plot_latents(model.encode(images, batch.condition), batch.condition.label, f"step {step:,}")
    mean, log_variance = model.encode_distribution(images, batch.condition)
    kl = gaussian_kl_per_latent(mean, log_variance).mean(0)
    return plot_latents(mean, batch.condition.label, f"step {step:,}", kl, active_units(mean))


def log_image(trainer: Trainer, name: str, picture: Image.Image) -> None:
    """Give a picture to every logger that holds images."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(name, [picture], step=trainer.global_step)
        elif isinstance(logger, TensorBoardLogger):
            from torchvision.transforms.functional import pil_to_tensor

            logger.experiment.add_image(name, pil_to_tensor(picture), trainer.global_step)
