"""The work of ``lightning_gans sample``."""

import json
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
from lightning_gans.cli.walking import styled_settings, write_style_mixing, write_walk
from lightning_gans.engine import LatentModel
from lightning_gans.engine.protocols import (
    TextConditional,
    can_translate,
    is_class_conditional,
    is_text_conditional,
)
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import caption_figure, grid_columns, grid_picture
from lightning_gans.figures.points import PlotWindow, plot_histogram, plot_points
from lightning_gans.images import to_uint8

_AT_ONCE = 64  # made together, always as many: how a sum is rounded depends on the size of its batch
_CAPTIONS = "metadata.jsonl"
_IN_GRID, _IN_LARGE_GRID, _IN_SCATTER = 64, 1024, 5000

_Given = Tensor | list[str] | None  # what samples were made for: their classes, their sentences
_Batches = Iterator[tuple[Tensor, _Given]]


def write_samples(options: SamplingOptions) -> None:
    """Generate samples and write them, a bounded number at a time."""
    model = load_model(options.checkpoint, options.device)
    if not isinstance(model, LatentModel):
        hint = "generates nothing from latents" + ("; use lightning_gans translate" if can_translate(model) else "")
        raise ConfigError("checkpoint", options.checkpoint, f"{type(model).__name__} {hint}")
    if options.labels is not None:
        _require_classes(model, options.labels)
    if options.text is not None and not is_text_conditional(model):
        raise ConfigError("--text", options.text, f"{type(model).__name__} is not given sentences; drop it")
    how, output = styled_settings(model, options), Path(options.output)
    require_writable(output.absolute().parent if is_sample_file(options.output) else output, "--output")
    if options.style_mixing is not None or output.suffix == ".gif":
        _write_picture_of_several(model, output, options, how)
        return
    parts = batches(model, options, how)
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


def _write_picture_of_several(model: LatentModel, output: Path, options: SamplingOptions, how: dict[str, Any]) -> None:
    """A walk or mixed styles; what is given is that of the first sample throughout."""
    giver = _Sentences(model, options) if is_text_conditional(model) else _Classes(model, options)
    rows = sum(options.style_mixing or (-(-options.num_samples // (options.interpolate or 16)), 0))
    given, _ = giver(torch.zeros(rows, dtype=torch.int64), options.seed)
    given = given.map(lambda part: part[:1].expand(rows, *part.shape[1:]))
    if options.style_mixing is not None:
        write_style_mixing(model, given, options, how)
    else:
        write_walk(model, output, given, options, how)


def batches(model: LatentModel, options: SamplingOptions, how: dict[str, Any] | None = None) -> _Batches:
    """The samples in order, (n, ...) with n <= 64; sample i depends on the seed and on i alone, to the last bit."""
    how = how or {}
    drawn: dict[str, Any] = how | {"seed": options.seed, "truncation": options.truncation, "ema": not options.no_ema}
    giver = _Sentences(model, options) if is_text_conditional(model) else _Classes(model, options)
    for start in range(0, options.num_samples, _AT_ONCE):
        end, left = start + _AT_ONCE, options.num_samples - start
        if options.interpolate is None:
            given, shown = giver(torch.arange(start, end), options.seed)
            part = model.generate(given, n=_AT_ONCE, start=start, **drawn)
        else:
            part, shown = _interpolated(model, giver, options, start, how)
        yield part[:left], None if shown is None else shown[:left]


class _Classes:
    """The classes that are asked for, or drawn, of samples by number; none for a model without."""

    def __init__(self, model: LatentModel, options: SamplingOptions) -> None:
        self.model, self.labels = model, options.labels
        self.changes = False  # within a row of an interpolation

    def __call__(self, index: Tensor, seed: int) -> tuple[Condition, _Given]:
        if self.labels is None:
            given = self.model.sample_condition(int(index[0]), int(index[-1]) + 1, seed)
        else:
            asked = torch.tensor(self.labels).reshape(-1)
            given = Condition(label=asked[index % len(asked)])
        return given, given.label


class _Sentences:
    """The same of sentences, which are embedded once."""

    def __init__(self, model: TextConditional, options: SamplingOptions) -> None:
        self.model, self.asked = model, _sentences(options.text)
        self.changes = len(self.asked) > 1
        self.embedded = model.embed(self.asked) if self.asked else None

    def __call__(self, index: Tensor, seed: int) -> tuple[Condition, _Given]:
        if self.embedded is None:
            rows = self.model.known_rows(index, seed).tolist()
            captions = [self.model.known_captions[row] for row in rows]
            return self.model.sample_condition(int(index[0]), int(index[-1]) + 1, seed), captions
        rows = (index % len(self.asked)).tolist()
        return Condition(text=self.embedded[rows]), [self.asked[row] for row in rows]


def _sentences(text: str | list[str] | None) -> list[str]:
    """The sentences that a user means: themselves, or the lines of a file."""
    if text is None or isinstance(text, list):
        return text or []
    if Path(text).suffix != ".txt":
        return [text]
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("--text", text, f"cannot be read as a file of sentences ({error})") from error
    if not (found := [line.strip() for line in lines if line.strip()]):
        raise ConfigError("--text", text, "the file has no sentence; write one a line")
    return found


@torch.no_grad()
def _interpolated(
    model: LatentModel, giver: "_Classes | _Sentences", options: SamplingOptions, start: int, how: dict[str, Any]
) -> tuple[Tensor, _Given]:
    """Row r leads from latent 2r to latent 2r + 1, as the prior interpolates, and its class stays.

    Where several sentences are asked for it leads from sentence r to the next along a line, and its latent stays.
    """
    assert options.interpolate is not None
    prior = model.prior if options.truncation is None else model.prior.truncate(options.truncation)
    rows, steps = torch.arange(start, start + _AT_ONCE) // options.interpolate, options.interpolate
    first, last = int(rows[0]), int(rows[-1]) + 1
    seed, ends = fold_in(options.seed, 2), torch.arange(2 * first, 2 * last)
    # Both ends of a row are numbered alike where it has one class or sentence, otherwise one after the other.
    number = (ends + 1) // 2 if giver.changes else ends // 2
    drawn, shown = giver(number if _asked(options) else ends, seed)
    z, *given = model.generator_inputs(drawn.map(lambda part: part.to(model.device)), 2 * first, 2 * last, seed, prior)
    t = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]  # (steps, 1)
    chosen = slice(start - first * steps, start - first * steps + _AT_ONCE)
    if giver.changes:
        path = z[::2].repeat_interleave(steps, 0)
        moved = [torch.cat([a.lerp(b, t) for a, b in zip(part[::2], part[1::2], strict=True)]) for part in given]
    else:
        path = torch.cat([prior.interpolate(a, b, t) for a, b in zip(z[::2], z[1::2], strict=True)])
        moved = [part[::2].repeat_interleave(steps, 0) for part in given]  # or none
    images: Tensor = model(path[chosen], *(part[chosen] for part in moved), ema=not options.no_ema, **how)
    return images.float(), _of_rows(shown, giver.changes, steps, chosen)


def _asked(options: SamplingOptions) -> bool:
    return options.labels is not None or options.text is not None


def _of_rows(shown: _Given, changes: bool, steps: int, chosen: slice) -> _Given:
    """Of each image in rows what it was made for, from that of the rows' ends."""
    if isinstance(shown, Tensor):
        return shown[::2].repeat_interleave(steps, 0)[chosen]
    if shown is None:
        return None
    pairs = zip(shown[::2], shown[1::2], strict=True)
    named = [f"{one} > {other}" if changes else one for one, other in pairs]
    return [name for name in named for _ in range(steps)][chosen]


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
    drawn: list[tuple[Tensor, _Given]] = []
    captions: list[str] = []
    for images, shown in parts:
        if index < _IN_GRID:
            drawn.append((images, shown))
        captions += shown if isinstance(shown, list) else []
        for image in images:
            write_image(image, singles / f"{index:0{digits}d}.png")
            index += 1
    _picture(*_joined(drawn, _IN_GRID), options).save(whole_picture)
    listed = singles / _CAPTIONS
    listed.unlink(missing_ok=True)
    if captions:  # as image folders with captions have them
        lines = [{"file_name": f"{i:0{digits}d}.png", "text": text} for i, text in enumerate(captions)]
        listed.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    print(f"{index} images in {singles}, and {whole_picture}")


def _write_points(folder: Path, parts: _Batches, options: SamplingOptions) -> None:
    """All points as one array, which grows on the disk, and a picture of the first."""
    file, picture = folder / "points.npy", folder / "scatter.png"
    _write_array(file, parts, options.num_samples)
    points = torch.from_numpy(np.array(np.load(file, mmap_mode="r")[:_IN_SCATTER]))
    _picture(points, None, options).save(picture)
    print(f"and {picture}")


def _write_picture(file: Path, parts: _Batches, options: SamplingOptions, most: int) -> None:
    """All in one picture."""
    if options.num_samples > most:
        hint = f"a picture holds {most} of them at most; choose a folder, a .npz or a .npy file"
        raise ConfigError("--num_samples", options.num_samples, hint)
    _picture(*_joined(list(parts), most), options).save(file)
    print(f"{options.num_samples} in {file}")


def _joined(parts: list[tuple[Tensor, _Given]], most: int) -> tuple[Tensor, list[str] | None]:
    """Samples of several parts, and their sentences if they have some."""
    sentences = [shown for _, shown in parts if isinstance(shown, list)]
    samples = torch.cat([images for images, _ in parts])[:most]
    return samples, list(chain(*sentences))[:most] if sentences else None


def _picture(samples: Tensor, sentences: list[str] | None, options: SamplingOptions) -> Image.Image:
    """Images as a grid, each interpolation in a whole row, those of a sentence above it; points of the plane as such.

    Of points in more dimensions the first two coordinates, of numbers a histogram.
    """
    if samples.ndim == 4 and sentences is not None:
        distinct = list(dict.fromkeys(sentences))
        blocks = [samples[[i for i, one in enumerate(sentences) if one == text]] for text in distinct]
        return caption_figure(blocks, distinct, width=options.interpolate or min(8, max(map(len, blocks))))
    if samples.ndim == 4:
        columns = options.interpolate or grid_columns(len(samples))
        whole = len(samples) if options.interpolate is None else max(1, len(samples) // columns) * columns
        return grid_picture(samples[:whole], columns)
    window, title = PlotWindow.of(samples[:, :2].expand(-1, 2)), f"{len(samples):,} points"
    if samples.shape[1] == 1:
        return plot_histogram(samples, None, window.extent[:2], title)
    return plot_points(samples, None, window, title)


def _write_array(file: Path, parts: _Batches, count: int) -> None:
    """One array, written as it is made: images (N, H, W, C) as uint8, points (N, d) as they are.

    A .npz has labels or captions too, if there are any.
    """
    name, shape, classes, captions = "", (0,), list[np.ndarray[Any, Any]](), list[str]()
    with ExitStack() as stack:
        opened: IO[bytes] = stack.enter_context(file.open("wb"))
        archive = stack.enter_context(zipfile.ZipFile(opened, "w")) if file.suffix == ".npz" else None
        for part, shown in parts:
            values = (part if part.ndim == 2 else to_uint8(part).permute(0, 2, 3, 1)).cpu().numpy()
            if not name:
                name, shape = "points" if part.ndim == 2 else "images", (count, *values.shape[1:])
                if archive is not None:
                    opened = stack.enter_context(archive.open(f"{name}.npy", "w", force_zip64=True))
                header: Any = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(opened, header)
            opened.write(np.ascontiguousarray(values).tobytes())
            if isinstance(shown, Tensor):
                classes.append(shown.cpu().numpy())
            captions += shown if isinstance(shown, list) else []
        if archive is not None and (classes or captions):
            opened.close()  # one member at a time
            with archive.open("labels.npy" if classes else "captions.npy", "w") as opened:
                np.lib.format.write_array(opened, np.concatenate(classes) if classes else np.array(captions))
    print(f"{name} {shape} in {file}")
