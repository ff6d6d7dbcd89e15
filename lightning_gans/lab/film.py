"""The frames of a game as a GIF, drawn without torch."""

import base64
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightning_gans.errors import ConfigError
from lightning_gans.lab.timeline import spread

_SIDE, _FINE = 400, 2  # pixels of a picture, and how much finer it is drawn
_BAR = 24  # pixels for the step
_MOST_FRAMES = 80
_REAL, _FAKE, _GRID, _PULL, _WAY, _MODE = "#1f6fb5", "#c2570c", "#b79ac6", "#5b2a86", "#146e3c", "#1b1f24"
_REAL_SIDE, _FAKE_SIDE = np.array([96, 165, 224]), np.array([244, 164, 96])  # colors of D's surface

Lines = Iterable[Sequence[float]]


def film(scene: dict[str, Any], frames: Sequence[dict[str, Any]], seconds: float = 8.0) -> bytes:
    """A GIF of frames, spread evenly over all of them, that lasts so long; its last picture stays twice a second.

    Raises:
        ConfigError: There are no frames with something to see.
    """
    shown = [frame for frame in spread(frames, _MOST_FRAMES) if "fake" in frame or "samples" in frame]
    if not shown:
        raise ConfigError("frames", len(frames), "show nothing to make a film of; play a while with samples on")
    pictures = [picture(scene, frame) for frame in shown]
    each = max(20, round(1000 * seconds / len(pictures)))
    file = io.BytesIO()
    durations = [each] * (len(pictures) - 1) + [500]
    first, *rest = [one.quantize(96, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for one in pictures]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)
    return file.getvalue()


def picture(scene: dict[str, Any], frame: dict[str, Any]) -> Image.Image:
    """A frame as a picture, its step below."""
    drawn = _plane(scene, frame) if scene["kind"] == "points" else _table(frame["samples"])
    whole = Image.new("RGB", (drawn.width, drawn.height + _BAR), "white")
    whole.paste(drawn, (0, 0))
    text = f"step {frame['step']:,}"
    ImageDraw.Draw(whole).text((6, drawn.height + 4), text, _MODE, ImageFont.load_default(14))
    return whole


def _table(urls: Sequence[str]) -> Image.Image:
    """Images, given as data URLs, side by side."""
    images = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB") for url in urls]
    columns = math.isqrt(len(images) - 1) + 1
    width, height = images[0].size
    factor = max(1, _SIDE // (columns * max(width, height)))
    rows = -(-len(images) // columns)
    size = (columns * (width * factor + 2), rows * (height * factor + 2))
    table = Image.new("RGB", size, "white")
    for number, image in enumerate(images):
        place = (number % columns * (width * factor + 2) + 1, number // columns * (height * factor + 2) + 1)
        table.paste(image.resize((width * factor, height * factor), Image.Resampling.NEAREST), place)
    return table


def _plane(scene: dict[str, Any], frame: dict[str, Any]) -> Image.Image:
    side = _SIDE * _FINE
    ground = _surface(frame) if "surface" in frame else Image.new("RGB", (1, 1), "white")
    canvas = ground.resize((side, side), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(canvas)
    if "grid" in frame:
        rows = _places(frame["grid"]).reshape(-1, frame["grid_side"], 2)
        for line in (*rows, *(rows.transpose(1, 0, 2) if len(rows) > 1 else ())):
            pen.line([tuple(place) for place in line], _GRID, _FINE)
    _dots(pen, _places(scene["real"]), _REAL)
    if "transport" in frame:
        _lines(pen, _places(frame["transport"]).reshape(-1, 4), _WAY)
    if "fake" in frame:
        _dots(pen, _places(frame["fake"]), _FAKE)
    if "pull" in frame:
        arrows = _places(frame["pull"]).reshape(-1, 4)
        arrows[:, 2:] += arrows[:, :2] - side / 2  # a difference was placed around the middle
        _lines(pen, arrows, _PULL)
    for x, y in scene["modes"] or ():
        left, bottom, half = scene["window"]
        u, v = ((x - left) / half + 1) * side / 2, (1 - (y - bottom) / half) * side / 2
        pen.line((u - 9, v, u + 9, v), _MODE, _FINE)
        pen.line((u, v - 9, u, v + 9), _MODE, _FINE)
    return canvas.reduce(_FINE)


def _surface(frame: dict[str, Any]) -> Image.Image:
    """What D says of the plane: toward the color of the real or of the fake side, white where it is undecided."""
    values = np.frombuffer(base64.b64decode(frame["surface"]), np.uint8).astype(float)
    side = math.isqrt(len(values))
    low, high = frame["surface_range"]
    level = frame["boundary"]
    shares = (low + values / 255 * (high - low) - level) / (max(high - level, level - low) or 1.0)
    colors = np.where(shares[:, None] > 0, _REAL_SIDE, _FAKE_SIDE)
    weight = np.sqrt(np.abs(shares))[:, None]
    pixels = (255 + weight * (colors - 255)).clip(0, 255).astype(np.uint8).reshape(side, side, 3)
    return Image.fromarray(pixels[::-1])  # the lowest row comes first


def _places(text: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Points (N, 2) of the finer picture from their code: 32767 for twice the half side from the center."""
    coded = np.frombuffer(base64.b64decode(text), "<i2").reshape(-1, 2) / 32767
    return (0.5 + coded * (1, -1)) * _SIDE * _FINE


def _dots(pen: ImageDraw.ImageDraw, places: Lines, color: str) -> None:
    for x, y in places:
        pen.ellipse((x - 2 * _FINE, y - 2 * _FINE, x + 2 * _FINE, y + 2 * _FINE), color)


def _lines(pen: ImageDraw.ImageDraw, ends: Lines, color: str) -> None:
    for line in ends:
        pen.line(tuple(line), color, _FINE)
