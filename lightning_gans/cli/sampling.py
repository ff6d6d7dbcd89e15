"""The work of ``lightning_gans sample``."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from lightning_gans.batch import Condition
from lightning_gans.cli.commands import SamplingOptions
from lightning_gans.cli.runs import load_model, require_writable, write_image
from lightning_gans.engine import LatentModel
from lightning_gans.engine.protocols import can_translate, is_class_conditional
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import grid_columns, grid_picture
from lightning_gans.figures.points import PlotWindow, plot_histogram, plot_points
from lightning_gans.images import to_uint8

_AT_ONCE = 64  # made together, always as many: how a sum is rounded depends on the size of its batch
_IN_GRID, _IN_SCATTER = 64, 5000


def write_samples(options: SamplingOptions) -> None:
    """Generate samples and write them, a bounded number at a time."""
    model = load_model(options.checkpoint, options.device)
    if not isinstance(model, LatentModel):
        hint = "generates nothing from latents" + ("; use lightning_gans translate" if can_translate(model) else "")
        raise ConfigError("checkpoint", options.checkpoint, f"{type(model).__name__} {hint}")
    if options.labels is not None:
        _require_classes(model, options.labels)
    output, in_one = Path(options.output), Path(options.output).suffix in (".npy", ".npz")
    require_writable(output.absolute().parent if in_one else output, "--output")
    parts = batches(model, options)
    first = next(parts)
    parts = chain([first], parts)
    if in_one:
        print(f"{_write_array(output, parts, options.num_samples)} in {output}")
    elif first.ndim == 2:
        _write_points(output, parts, options.num_samples)
    else:
        _write_images(output, parts, options)


def batches(model: LatentModel, options: SamplingOptions) -> Iterator[Tensor]:
    """The samples in order, (n, ...) with n <= 64; sample i depends on the seed and on i alone, to the last bit."""
    drawn: dict[str, Any] = {"seed": options.seed, "truncation": options.truncation, "ema": not options.no_ema}
    for start in range(0, options.num_samples, _AT_ONCE):
        if options.interpolate is None:
            labels = _labels(options.labels, torch.arange(start, start + _AT_ONCE))
            part = model.sample(_AT_ONCE, labels=labels, start=start, **drawn)
        else:
            part = _interpolated(model, options, start)
        yield part[: options.num_samples - start]


@torch.no_grad()
def _interpolated(model: LatentModel, options: SamplingOptions, start: int) -> Tensor:
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
    inputs = [path[chosen], *(part[::2].repeat_interleave(steps, 0)[chosen] for part in given)]
    images: Tensor = model(*inputs, ema=not options.no_ema)
    return images.float()


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


def _write_images(folder: Path, parts: Iterator[Tensor], options: SamplingOptions) -> None:
    """One PNG each, apart from the grid, so that ``evaluate`` takes the folder as it is."""
    singles, whole_picture = folder / "images", folder / "grid.png"
    if singles.is_dir() and any(singles.iterdir()) and not whole_picture.is_file():
        raise ConfigError("--output", str(folder), "its images were not made by sample; choose another folder")
    singles.mkdir(exist_ok=True)
    for old in singles.glob("[0-9]*.png"):
        old.unlink()  # of another number or model: two must not be mixed
    digits, index = max(5, len(str(options.num_samples - 1))), 0
    drawn: list[Tensor] = []
    for images in parts:
        if index < _IN_GRID:
            drawn.append(images)
        for image in images:
            write_image(image, singles / f"{index:0{digits}d}.png")
            index += 1
    columns = options.interpolate or grid_columns(min(options.num_samples, _IN_GRID))
    whole = _IN_GRID if options.interpolate is None else max(1, _IN_GRID // columns) * columns
    grid_picture(torch.cat(drawn)[:whole], columns).save(whole_picture)
    print(f"{index} images in {singles}, and {whole_picture}")


def _write_points(folder: Path, parts: Iterator[Tensor], count: int) -> None:
    """All points as one array, which grows on the disk, and a picture of the first.

    Those of the plane are drawn as such, of more dimensions their first two coordinates, numbers as a histogram.
    """
    file, picture = folder / "points.npy", folder / "scatter.png"
    _write_array(file, parts, count)
    points = torch.from_numpy(np.array(np.load(file, mmap_mode="r")[:_IN_SCATTER]))
    window, title = PlotWindow.of(points[:, :2].expand(-1, 2)), f"{len(points):,} points"
    if points.shape[1] == 1:
        plot_histogram(points, None, window.extent[:2], title).save(picture)
    else:
        plot_points(points, None, window, title).save(picture)
    print(f"{count} points in {file}, and {picture}")


def _write_array(file: Path, parts: Iterator[Tensor], count: int) -> tuple[int, ...]:
    """One array, written as it is made: images (N, H, W, C) as uint8, points (N, d) as they are."""
    shape: tuple[int, ...] = ()
    with ExitStack() as stack:
        opened: IO[bytes] = stack.enter_context(file.open("wb"))
        if file.suffix == ".npz":
            archive = stack.enter_context(zipfile.ZipFile(opened, "w"))
            opened = stack.enter_context(archive.open("arr_0.npy", "w", force_zip64=True))
        for part in parts:
            values = (part if part.ndim == 2 else to_uint8(part).permute(0, 2, 3, 1)).cpu().numpy()
            if not shape:
                shape = (count, *values.shape[1:])
                header: Any = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(opened, header)
            opened.write(np.ascontiguousarray(values).tobytes())
    return shape
