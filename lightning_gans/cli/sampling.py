"""The work of ``lightning_gans sample``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lightning_gans.figures.points import View, draw_histogram, draw_points
from lightning_gans.callbacks.samples import columns, grid
from lightning_gans.cli.runs import read_checkpoint, require_writable
from lightning_gans.engine import Game, LatentModel
from lightning_gans.engine.randomness import mix
from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8

_AT_ONCE = 64  # made together, always as many: how a sum is rounded depends on the size of its batch
_IN_GRID, _IN_SCATTER = 64, 5000


@dataclass(frozen=True)
class Wanted:
    """What shall be generated; the settings of ``lightning_gans sample``."""

    num: int
    seed: int
    ema: bool
    labels: int | list[int] | None
    truncation: float | None
    interpolate: int | None

    def __post_init__(self) -> None:
        if self.num < 1:
            raise ConfigError("--num", self.num, "must be 1 or more")
        if self.labels == []:
            raise ConfigError("--labels", [], "name at least one class")
        if self.truncation is not None and self.truncation <= 0:
            raise ConfigError("--truncation", self.truncation, "must be positive (in standard deviations)")
        steps = self.interpolate
        if steps is not None and steps < 2:
            raise ConfigError("--interpolate", steps, "a row needs its two ends: 2 or more")
        if steps is not None and self.num % steps:
            near = f"{self.num // steps * steps} or " if self.num > steps else ""
            hint = f"rows of {steps} images are asked for; choose {near}{(self.num // steps + 1) * steps}"
            raise ConfigError("--num", self.num, hint)

    @property
    def columns(self) -> int:
        """Columns of the grid."""
        return self.interpolate or columns(min(self.num, _IN_GRID))


def write_samples(checkpoint: str, output: str, device: str | None, wanted: Wanted) -> None:
    """Generate samples and write them, a bounded number at a time.

    Args:
        checkpoint: The file.
        output: Folder for pictures or points.
        device: Where to compute; None for the accelerator, if there is one.
        wanted: What to generate.

    Raises:
        ConfigError: The model cannot generate that, or the folder cannot be written to.
    """
    model = _model(checkpoint, device)
    _require_classes(model, wanted.labels)
    require_writable(output, "--output")
    parts = batches(model, wanted)
    first = next(parts)
    write = _write_points if first.ndim == 2 else _write_images
    write(Path(output), _again(first, parts), wanted)


def batches(model: LatentModel, wanted: Wanted) -> Iterator[Tensor]:
    """The samples in order, some at a time; sample i depends on the seed and on i alone, to the last bit.

    Args:
        model: The model.
        wanted: What to generate.

    Yields:
        Samples (n, ...), n <= 64.
    """
    make = _independent if wanted.interpolate is None else _interpolated
    for start in range(0, wanted.num, _AT_ONCE):
        yield make(model, wanted, start)[: wanted.num - start]


def _independent(model: LatentModel, wanted: Wanted, start: int) -> Tensor:
    labels = _classes(wanted.labels, torch.arange(start, start + _AT_ONCE))
    return model.sample(
        _AT_ONCE, labels=labels, seed=wanted.seed, truncation=wanted.truncation, ema=wanted.ema, start=start
    )


@torch.no_grad()
def _interpolated(model: LatentModel, wanted: Wanted, start: int) -> Tensor:
    """Row r leads from latent 2r to latent 2r + 1, as the prior joins them; its class stays."""
    assert wanted.interpolate is not None
    prior = model.prior if wanted.truncation is None else model.prior.truncate(wanted.truncation)
    rows, steps = torch.arange(start, start + _AT_ONCE) // wanted.interpolate, wanted.interpolate
    first, last = int(rows[0]), int(rows[-1]) + 1
    ends = torch.arange(2 * first, 2 * last) // 2  # the row of each latent
    z, *rest = model.sampling_inputs(2 * first, 2 * last, mix(wanted.seed, 2), prior, _classes(wanted.labels, ends))
    t = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]  # (steps, 1)
    path = torch.cat([prior.join(start_, end, t) for start_, end in zip(z[::2], z[1::2], strict=True)])
    chosen = slice(start - first * steps, start - first * steps + _AT_ONCE)
    inputs = [path[chosen], *(part[::2].repeat_interleave(steps, 0)[chosen] for part in rest)]
    images: Tensor = model(*inputs, ema=wanted.ema)
    return images.float()


def _classes(labels: int | list[int] | None, indices: Tensor) -> Tensor | None:
    """The class of each index: a list is gone through again and again."""
    if labels is None:
        return None
    given = torch.tensor([labels] if isinstance(labels, int) else labels)
    return given[indices % len(given)]


def _model(checkpoint: str, device: str | None) -> LatentModel:
    read_checkpoint(checkpoint)
    where = torch.accelerator.current_accelerator(check_available=True) if device is None else None
    model = Game.load_from_checkpoint(checkpoint, map_location="cpu")
    if not isinstance(model, LatentModel):
        raise ConfigError("checkpoint", checkpoint, f"{type(model).__name__} cannot be sampled")
    try:
        return model.to(torch.device(device or "cpu") if where is None else where)
    except (RuntimeError, AssertionError) as error:  # as torch says that there is no such device
        line = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError("--device", device, f"cannot be used here ({line}); cpu always can") from error


def _require_classes(model: LatentModel, labels: int | list[int] | None) -> None:
    if labels is None:
        return
    count = getattr(model, "num_classes", None)
    if count is None:
        raise ConfigError("--labels", labels, f"{type(model).__name__} is not conditional: it knows no classes")
    given = [labels] if isinstance(labels, int) else labels
    if wrong := [label for label in given if not 0 <= label < count]:
        raise ConfigError("--labels", wrong[0], f"the classes of this model are 0 to {count - 1}")


def _again(first: Tensor, rest: Iterator[Tensor]) -> Iterator[Tensor]:
    yield first
    yield from rest


def _write_images(folder: Path, parts: Iterator[Tensor], wanted: Wanted) -> None:
    """One PNG each, apart from the grid, so that ``evaluate`` takes the folder as it is."""
    singles, whole_picture = folder / "images", folder / "grid.png"
    if singles.is_dir() and any(singles.iterdir()) and not whole_picture.is_file():
        raise ConfigError("--output", str(folder), "its images were not made by sample; choose another folder")
    singles.mkdir(exist_ok=True)
    for old in singles.glob("[0-9]*.png"):
        old.unlink()  # of another number or model: two must not be mixed
    digits, index = max(5, len(str(wanted.num - 1))), 0
    shown: list[Tensor] = []
    for images in parts:
        if images.shape[1] not in (1, 3):
            raise ConfigError("checkpoint", f"{images.shape[1]} channels", "PNG files hold 1 or 3; use GAN.sample")
        if index < _IN_GRID:
            shown.append(images)
        for image in to_uint8(images).cpu():
            to_pil_image(image).save(singles / f"{index:0{digits}d}.png")  # gray stays gray
            index += 1
    whole = _IN_GRID if wanted.interpolate is None else max(1, _IN_GRID // wanted.columns) * wanted.columns
    to_pil_image(grid(torch.cat(shown)[:whole], wanted.columns)).save(whole_picture)
    print(f"{index} images in {singles}, and {whole_picture}")


def _write_points(folder: Path, parts: Iterator[Tensor], wanted: Wanted) -> None:
    """All points as one array, which grows on the disk, and a picture of the first."""
    file, index = folder / "points.npy", 0
    array: Any = None
    for points in parts:
        values = points.cpu().numpy()
        if array is None:
            array = np.lib.format.open_memmap(file, "w+", values.dtype, (wanted.num, *values.shape[1:]))
        array[index : index + len(values)] = values
        index += len(values)
    array.flush()
    picture = folder / "scatter.png"
    _draw(torch.from_numpy(np.array(array[:_IN_SCATTER]))).save(picture)
    print(f"{index} points in {file}, and {picture}")


def _draw(points: Tensor) -> Image.Image:
    """Points of the plane as such, of more dimensions their first two coordinates, numbers as a histogram."""
    view = View.of(points[:, :2].expand(-1, 2))
    title = f"{len(points):,} points"
    return (
        draw_histogram(points, None, view.extent[:2], title)
        if points.shape[1] == 1
        else draw_points(points, None, view, title)
    )
