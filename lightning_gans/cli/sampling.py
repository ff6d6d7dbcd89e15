"""The work of ``lightning_gans sample``."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lightning_gans.batch import Condition
from lightning_gans.cli.commands import SamplingOptions, is_sample_file
from lightning_gans.cli.runs import load_model, require_writable, write_image
from lightning_gans.engine import LatentModel
from lightning_gans.engine.protocols import can_translate, is_class_conditional
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import grid_columns, grid_picture
from lightning_gans.figures.points import PlotWindow, plot_histogram, plot_points
from lightning_gans.images import to_uint8

_AT_ONCE = 64  # made together, always as many: how a sum is rounded depends on the size of its batch
_IN_GRID, _IN_LARGE_GRID, _IN_SCATTER = 64, 1024, 5000

_Batches = Iterator[tuple[Tensor, Tensor | None]]  # samples, and their classes


def write_samples(options: SamplingOptions) -> None:
    """Generate samples and write them, a bounded number at a time."""
    model = load_model(options.checkpoint, options.device)
    if not isinstance(model, LatentModel):
        hint = "generates nothing from latents" + ("; use lightning_gans translate" if can_translate(model) else "")
        raise ConfigError("checkpoint", options.checkpoint, f"{type(model).__name__} {hint}")
    if options.labels is not None:
        _require_classes(model, options.labels)
    output = Path(options.output)
    require_writable(output.absolute().parent if is_sample_file(options.output) else output, "--output")
    parts = batches(model, options)
    first = next(parts)
    parts, points = chain([first], parts), first[0].ndim == 2
    if output.suffix == ".png":
        _write_picture(output, parts, options, _IN_SCATTER if points else _IN_LARGE_GRID)
    elif is_sample_file(options.output):
        _write_array(output, parts, options.num_samples)
    elif points:
        _write_points(output, parts, options)
    else:
        _write_images(output, parts, options)


def batches(model: LatentModel, options: SamplingOptions) -> _Batches:
    """The samples in order, (n, ...) with n <= 64; sample i depends on the seed and on i alone, to the last bit."""
    drawn: dict[str, Any] = {"seed": options.seed, "truncation": options.truncation, "ema": not options.no_ema}
    for start in range(0, options.num_samples, _AT_ONCE):
        end, left = start + _AT_ONCE, options.num_samples - start
        if options.interpolate is None:
            labels = _labels(options.labels, torch.arange(start, end))
            given = model.sample_condition(start, end, options.seed) if labels is None else Condition(label=labels)
            part, labels = model.generate(given, n=_AT_ONCE, start=start, **drawn), given.label
        else:
            part, labels = _interpolated(model, options, start)
        yield part[:left], None if labels is None else labels[:left]


@torch.no_grad()
def _interpolated(model: LatentModel, options: SamplingOptions, start: int) -> tuple[Tensor, Tensor | None]:
    """Row r leads from latent 2r to latent 2r + 1, as the prior interpolates; its class stays."""
    assert options.interpolate is not None
    prior = model.prior if options.truncation is None else model.prior.truncate(options.truncation)
    rows, steps = torch.arange(start, start + _AT_ONCE) // options.interpolate, options.interpolate
    first, last = int(rows[0]), int(rows[-1]) + 1
    seed, ends = fold_in(options.seed, 2), torch.arange(2 * first, 2 * last) // 2  # the row of each latent
    labels = _labels(options.labels, ends)
    drawn = model.sample_condition(2 * first, 2 * last, seed) if labels is None else Condition(label=labels)
    z, *given = model.generator_inputs(drawn.map(lambda part: part.to(model.device)), 2 * first, 2 * last, seed, prior)
    t = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]  # (steps, 1)
    path = torch.cat([prior.interpolate(start_, end, t) for start_, end in zip(z[::2], z[1::2], strict=True)])
    chosen = slice(start - first * steps, start - first * steps + _AT_ONCE)
    classes = [part[::2].repeat_interleave(steps, 0)[chosen] for part in given]  # or none
    images: Tensor = model(path[chosen], *classes, ema=not options.no_ema)
    return images.float(), next(iter(classes), None)


def _labels(labels: int | list[int] | None, indices: Tensor) -> Tensor | None:
    """The class of each index: a list is gone through again and again."""
    if labels is None:
        return None
    given = torch.tensor(labels).reshape(-1)
    return given[indices % len(given)]


def _require_classes(model: LatentModel, labels: int | list[int]) -> None:
    if not is_class_conditional(model):
        raise ConfigError("--labels", labels, f"{type(model).__name__} is not conditional: it knows no classes")
    given = torch.tensor(labels).reshape(-1).tolist()
    if wrong := [label for label in given if not 0 <= label < model.num_classes]:
        raise ConfigError("--labels", wrong[0], f"the classes of this model are 0 to {model.num_classes - 1}")


def _write_images(folder: Path, parts: _Batches, options: SamplingOptions) -> None:
    """One PNG each, apart from the grid, so that ``evaluate`` takes the folder as it is."""
    singles, whole_picture = folder / "images", folder / "grid.png"
    if singles.is_dir() and any(singles.iterdir()) and not whole_picture.is_file():
        raise ConfigError("--output", str(folder), "its images were not made by sample; choose another folder")
    singles.mkdir(exist_ok=True)
    for old in singles.glob("[0-9]*.png"):
        old.unlink()  # of another number or model: two must not be mixed
    digits, index = max(5, len(str(options.num_samples - 1))), 0
    drawn: list[Tensor] = []
    for images, _ in parts:
        if index < _IN_GRID:
            drawn.append(images)
        for image in images:
            write_image(image, singles / f"{index:0{digits}d}.png")
            index += 1
    _picture(torch.cat(drawn)[:_IN_GRID], options).save(whole_picture)
    print(f"{index} images in {singles}, and {whole_picture}")


def _write_points(folder: Path, parts: _Batches, options: SamplingOptions) -> None:
    """All points as one array, which grows on the disk, and a picture of the first."""
    file, picture = folder / "points.npy", folder / "scatter.png"
    _write_array(file, parts, options.num_samples)
    points = torch.from_numpy(np.array(np.load(file, mmap_mode="r")[:_IN_SCATTER]))
    _picture(points, options).save(picture)
    print(f"and {picture}")


def _write_picture(file: Path, parts: _Batches, options: SamplingOptions, most: int) -> None:
    """All in one picture."""
    if options.num_samples > most:
        hint = f"a picture holds {most} of them at most; choose a folder, a .npz or a .npy file"
        raise ConfigError("--num_samples", options.num_samples, hint)
    _picture(torch.cat([samples for samples, _ in parts]), options).save(file)
    print(f"{options.num_samples} in {file}")


def _picture(samples: Tensor, options: SamplingOptions) -> Image.Image:
    """Images as a grid, each interpolation in a whole row; points of the plane as such.

    Of points in more dimensions the first two coordinates, of numbers a histogram.
    """
    if samples.ndim == 4:
        columns = options.interpolate or grid_columns(len(samples))
        whole = len(samples) if options.interpolate is None else max(1, len(samples) // columns) * columns
        return grid_picture(samples[:whole], columns)
    window, title = PlotWindow.of(samples[:, :2].expand(-1, 2)), f"{len(samples):,} points"
    if samples.shape[1] == 1:
        return plot_histogram(samples, None, window.extent[:2], title)
    return plot_points(samples, None, window, title)


def _write_array(file: Path, parts: _Batches, count: int) -> None:
    """One array, written as it is made: images (N, H, W, C) as uint8, points (N, d) as they are; a .npz with labels."""
    name, shape, classes = "", (0,), []
    with ExitStack() as stack:
        opened: IO[bytes] = stack.enter_context(file.open("wb"))
        archive = stack.enter_context(zipfile.ZipFile(opened, "w")) if file.suffix == ".npz" else None
        for part, labels in parts:
            values = (part if part.ndim == 2 else to_uint8(part).permute(0, 2, 3, 1)).cpu().numpy()
            if not name:
                name, shape = "points" if part.ndim == 2 else "images", (count, *values.shape[1:])
                if archive is not None:
                    opened = stack.enter_context(archive.open(f"{name}.npy", "w", force_zip64=True))
                header: Any = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(opened, header)
            opened.write(np.ascontiguousarray(values).tobytes())
            if labels is not None:
                classes.append(labels.cpu().numpy())
        if archive is not None and classes:
            opened.close()  # one member at a time
            with archive.open("labels.npy", "w") as opened:
                np.lib.format.write_array(opened, np.concatenate(classes))
    print(f"{name} {shape} in {file}")
