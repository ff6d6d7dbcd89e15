"""Figures of images: samples beside real ones, an interpolation, translations beside their sources and targets."""

from collections.abc import Mapping, Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.rng import fold_in
from lightning_gans.images import to_uint8

_MIN_SIDE = 32  # smaller images are enlarged by a whole factor, so that a grid of them can be seen
_GAP, _CAPTION, _TYPE = 16, 20, 12  # pixels

_Panel = tuple[str, Image.Image, int, int]  # caption, picture, and where its upper left corner is: x, y


def interpolation(model: LatentModel, steps: int, seed: int = 0) -> Tensor:
    """Images (steps, C, H, W) along a path between two latents, which ``seed`` selects, both ends included.

    A generator that has learned turns one into the other smoothly. Where the path runs is for the latents'
    distribution to say: see ``Prior.interpolate``.
    """
    seed = fold_in(seed, 2)
    condition = model.sample_condition(0, 2, seed).map(lambda part: part.to(model.device))
    z, *given = model.generator_inputs(condition, 0, 2, seed)
    t = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]  # (steps, 1)
    repeated = [part[:1].expand(steps, *part.shape[1:]) for part in given]  # all as the first end
    with torch.no_grad():
        images: Tensor = model(model.prior.interpolate(z[0], z[1], t), *repeated)
    return images


def sample_figure(fake: Tensor, row: Tensor | None, real: Tensor | None) -> Image.Image:
    """Samples (N, C, H, W) in [-1, 1], interpolated ones (M, C, H, W) below, and real images (K, C, H, W) beside."""
    width = grid_columns(len(fake))
    above = grid_picture(fake, width)
    panels: list[_Panel] = [("generated", above, 0, 0)]
    if row is not None:
        panels.append(("between two latents", grid_picture(row, width), 0, above.height + _CAPTION))
    if real is not None:
        panels.append(("real", grid_picture(real, width), above.width + _GAP, 0))
    return _arranged(panels)


def translation_figure(source: Tensor, generated: Tensor, target: Tensor | None) -> Image.Image:
    """Each source, what was made of it and what should have come out, in a row.

    Images (N, C, H, W) in [-1, 1]; sources (N, C, h, w) of another size are drawn as large as the others. ``target``
    is None where there are no pairs.
    """
    columns = {"input": _resized(source, generated.shape[-2:]), "generated": generated}
    panels: list[_Panel] = []
    x = 0
    for caption, images in (columns if target is None else columns | {"target": target}).items():
        picture = grid_picture(images, 1)
        panels.append((caption, picture, x, 0))
        x += picture.width + _GAP
    return _arranged(panels)


def nearest_figure(blocks: Mapping[str, tuple[Tensor, Tensor]]) -> Image.Image:
    """Each sample, and beside it the training images that it is nearest to, nearest first, in a row.

    Blocks by their caption: images (N, C, H, W) in [-1, 1], and k for each, (N, k, C, H, W).
    """
    panels: list[_Panel] = []
    x = 0
    for caption, (samples, nearest) in blocks.items():
        left, right = grid_picture(samples, 1), grid_picture(nearest.flatten(0, 1), nearest.shape[1])
        whole = left.width + _GAP // 2 + right.width
        panels += [(_fitting(caption, whole), left, x, 0), ("", right, x + whole - right.width, 0)]
        x += whole + 2 * _GAP
    return _arranged(panels)


def caption_figure(
    generated: Sequence[Tensor], captions: Sequence[str], real: Tensor | None = None, width: int = 8
) -> Image.Image:
    """Images of sentences: of each a block, ``width`` in a row, its caption below, and beside it the image it is of.

    Generated images (K, C, H, W) in [-1, 1] for each caption, real ones (R, C, H, W). A caption that is too long is
    cut.
    """
    panels: list[_Panel] = []
    y = 0
    for row, caption in enumerate(captions):
        picture = grid_picture(generated[row], width)
        beside = [] if real is None else [grid_picture(real[row : row + 1], 1)]
        whole = picture.width + sum(_GAP + each.width for each in beside)
        panels.append((_fitting(caption, whole), picture, 0, y))
        panels += [("", each, picture.width + _GAP, y) for each in beside]
        y += picture.height + _CAPTION
    return _arranged(panels, below=True)


def _fitting(caption: str, width: int) -> str:
    """As much of a caption as is ``width`` pixels wide."""
    font, line = ImageFont.load_default(_TYPE), " ".join(caption.split())
    if font.getlength(line) <= width - 4:
        return line
    line = line[:width]  # no letter is narrower than a pixel
    while line and font.getlength(line + "...") > width - 4:
        line = line[:-1]
    return line + "..."


def image_grid(images: Tensor, width: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1], ``width`` in a row, as one RGB picture: uint8 (3, height, width).

    Small ones are enlarged; of channels other than 1 or 3 the first is shown.
    """
    drawn = images if images.shape[1] in (1, 3) else images[:, :1]
    factor = max(1, -(-_MIN_SIDE // drawn.shape[-1]))
    enlarged = drawn.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    picture: Tensor = make_grid(to_uint8(enlarged), nrow=width, padding=2, pad_value=255)
    return picture


def grid_picture(images: Tensor, width: int) -> Image.Image:
    """``image_grid`` as a picture."""
    return Image.fromarray(image_grid(images, width).permute(1, 2, 0).cpu().numpy())


def grid_columns(num: int) -> int:
    """Columns of the squarest grid.

    Example:
        >>> grid_columns(64), grid_columns(10)
        (8, 4)
    """
    return int(-(-(num**0.5) // 1))


def _arranged(panels: list[_Panel], *, below: bool = False) -> Image.Image:
    """Pictures on white, each under its caption, or above it."""
    right = max(x + picture.width for _, picture, x, _ in panels)
    bottom = max(y + picture.height for _, picture, _, y in panels)
    canvas = Image.new("RGB", (right, bottom + _CAPTION), "white")
    for caption, picture, x, y in panels:
        canvas.paste(picture, (x, y if below else y + _CAPTION))
        where = (x + 2, y + 3 + (picture.height if below else 0))
        ImageDraw.Draw(canvas).text(where, caption, "#6b6b6b", ImageFont.load_default(_TYPE))
    return canvas


def _resized(images: Tensor, size: torch.Size) -> Tensor:
    """Images (N, C, h, w) with pixels as large as it takes to fill ``size``: nothing is smoothed."""
    return images if images.shape[-2:] == size else F.interpolate(images.float(), size, mode="nearest")
