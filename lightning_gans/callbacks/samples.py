"""Pictures of what the generator makes."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.utils import make_grid

from lightning_gans.batch import has_labels, images_of, labels_of
from lightning_gans.callbacks.folder import is_fast_dev_run, real_images, run_dir_of
from lightning_gans.figures.points import View, draw_histogram, draw_points, field_of, judges_points_of_the_plane
from lightning_gans.engine import GAN, LatentModel
from lightning_gans.engine.randomness import mix
from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8

_SMALLEST_SIDE = 32  # smaller images are enlarged by a whole factor, so that a grid of them can be seen
_GAP, _CAPTION = 16, 20  # pixels
_IMAGES, _POINTS = 64, 1000  # in a picture, unless it is said how many


class SampleGrid(Callback):
    """Saves and logs a picture of what the generator makes of fixed latents.

    Images: samples, an interpolation below them, real images beside them. Points of the plane: samples and real points
    over the discriminator's logits, with arrows where the generator's loss pulls the samples (see
    ``callbacks.points``), and circles around the modes where the datamodule has ``means``; the axes are the same in
    all pictures of a run. Of points in more dimensions, the first two coordinates; of numbers, histograms.

    The file is ``samples/step_<n>.png`` in the run's folder; loggers that hold images get it as ``samples/grid``.

    Args:
        every_n_steps: Steps between pictures; there is one at the end too. 0 for no pictures at all.
        num: Number of samples; by default 64 images, arranged in a square of 8 x 8, or 1,000 points.
        seed: Selects their latents, the same in every picture.
        real: Real images for comparison; by default the datamodule's reference, or the training loader's data set.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(
        self,
        every_n_steps: int = 1000,
        num: int | None = None,
        seed: int = 0,
        real: Dataset[Any] | None = None,
    ) -> None:
        if every_n_steps < 0:
            raise ConfigError("samples.every_n_steps", every_n_steps, "must be 1 or more; 0 draws nothing")
        if num is not None and num < 1:
            raise ConfigError("samples.num", num, "must be 1 or more")
        self.every_n_steps, self.num, self.seed, self.real = every_n_steps, num, seed, real
        self.path: Path | None = None
        self._forget()

    def _forget(self) -> None:
        self._drawn_at = -1
        self._view: View | None = None  # of the points, fixed in the first picture
        self._judges_points: bool | None = None  # asked of the first batch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew: what an earlier fit saw may have been other data."""
        self._forget()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw when a multiple of ``every_n_steps`` is reached."""
        if self._judges_points is None and isinstance(pl_module, GAN):
            self._judges_points = judges_points_of_the_plane(pl_module, batch)
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the final generator, unless that was just done."""
        if self.every_n_steps and self._drawn_at != trainer.global_step:
            self._draw(trainer, pl_module)

    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._drawn_at = trainer.global_step
        if not isinstance(pl_module, LatentModel):
            kind = type(pl_module).__name__
            raise ConfigError("samples", kind, "needs a model with sample(n, seed=...), as GAN has")
        are_points = pl_module.sample(1, seed=self.seed).ndim == 2
        num = self.num or (_POINTS if are_points else _IMAGES)
        fake = pl_module.sample(num, seed=self.seed)
        folder = Path(run_dir_of(trainer))  # asks all processes
        if not trainer.is_global_zero or is_fast_dev_run(trainer):
            return
        real, labels = self._real_images(trainer, num)
        pictures = {}
        if are_points:
            pictures["grid"] = self._points(trainer, pl_module, fake, real)
        else:
            pictures["grid"] = compose(fake, interpolation(pl_module, columns(num), seed=self.seed), real)
            panels = pl_module.panels(real, labels, self.seed)
            pictures |= {name: _as_picture(grid(rows.flatten(0, 1), rows.shape[1])) for name, rows in panels.items()}
        for name, picture in pictures.items():
            prefix = "step" if name == "grid" else name
            path = folder / "samples" / f"{prefix}_{trainer.global_step:09d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            log_picture(trainer, f"samples/{name}", picture)
            self.path = self.path if name != "grid" else path

    def _points(self, trainer: Trainer, model: LatentModel, fake: Tensor, real: Tensor | None) -> Image.Image:
        """The picture of points (N, d)."""
        title = f"step {trainer.global_step:,}"
        seen = fake if real is None else real
        if self._view is None:
            finite = seen[seen.isfinite().all(1)].cpu()
            self._view = View.of(finite[:, :2].expand(-1, 2) if len(finite) else torch.ones(1, 2))
        if fake.shape[1] == 1:
            return draw_histogram(fake, real, self._view.extent[:2], title)
        field = field_of(model, seen, fake, self._view) if isinstance(model, GAN) and self._judges_points else None
        modes = getattr(getattr(trainer, "datamodule", None), "means", None)
        return draw_points(fake, real, self._view, title, modes, field)

    def _real_images(self, trainer: Trainer, num: int) -> tuple[Tensor | None, Tensor | None]:
        """Real images and their labels, spread over the data set, where there are any."""
        dataset = self.real if self.real is not None else real_images(trainer)
        if dataset is None:
            return None, None  # an iterable data set shows no images twice
        total = len(dataset)  # type: ignore[arg-type] # torch's Dataset declares no length; real_images asks for one
        items = [dataset[index] for index in torch.linspace(0, total - 1, min(num, total)).long().tolist()]
        images = torch.stack([images_of(item) for item in items])
        return images, torch.stack([labels_of(item) for item in items]) if has_labels(items[0]) else None


def interpolation(model: LatentModel, steps: int, seed: int = 0) -> Tensor:
    """Images along a path between two latents: a generator that has learned turns one into the other smoothly.

    How latents are joined is for their distribution to say: see ``Prior.join``.

    Args:
        model: The model.
        steps: Number of images, both ends included.
        seed: Selects the two ends.

    Returns:
        Images (steps, C, H, W).
    """
    inputs = model.sampling_inputs(0, 2, mix(seed, 2), model.prior)
    start, end = inputs[0][0], inputs[0][1]
    t = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[:, None]  # (steps, 1)
    rest = [part[:1].expand(steps, *part.shape[1:]) for part in inputs[1:]]  # labels: those of the start
    with torch.no_grad():
        images: Tensor = model(model.prior.join(start, end, t), *rest)
    return images


def compose(fake: Tensor, row: Tensor, real: Tensor | None) -> Image.Image:
    """Arrange samples, their interpolation below and real images to the right.

    Args:
        fake: Samples (N, C, H, W) in [-1, 1].
        row: Interpolated samples (M, C, H, W).
        real: Real images (K, C, H, W), or None.
    """
    width = columns(len(fake))
    above, below = _as_picture(grid(fake, width)), _as_picture(grid(row, width))
    panels = [("generated", above, 0, 0), ("between two latents", below, 0, above.height + _CAPTION)]
    if real is not None:
        panels.append(("real", _as_picture(grid(real, width)), above.width + _GAP, 0))
    size = (max(x + p.width for _, p, x, _ in panels), max(y + p.height for _, p, _, y in panels))
    canvas = Image.new("RGB", (size[0], size[1] + _CAPTION), "white")
    for caption, picture, x, y in panels:
        canvas.paste(picture, (x, y + _CAPTION))
        ImageDraw.Draw(canvas).text((x + 2, y + 3), caption, "#6b6b6b", ImageFont.load_default(12))
    return canvas


def grid(images: Tensor, width: int) -> Tensor:
    """Images as one RGB picture (3, height, width), uint8, small ones enlarged; other channel counts show the first."""
    shown = images if images.shape[1] in (1, 3) else images[:, :1]
    factor = max(1, -(-_SMALLEST_SIDE // shown.shape[-1]))
    enlarged = shown.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    picture: Tensor = make_grid(to_uint8(enlarged), nrow=width, padding=2, pad_value=255)
    return picture


def _as_picture(pixels: Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def columns(num: int) -> int:
    """Columns of the squarest grid.

    Example:
        >>> columns(64), columns(10)
        (8, 4)
    """
    return int(-(-(num**0.5) // 1))


def log_picture(trainer: Trainer, name: str, picture: Image.Image) -> None:
    """Give a picture to every logger that holds images."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(name, [picture], step=trainer.global_step)
        elif isinstance(logger, TensorBoardLogger):
            from torchvision.transforms.functional import pil_to_tensor

            logger.experiment.add_image(name, pil_to_tensor(picture), trainer.global_step)
