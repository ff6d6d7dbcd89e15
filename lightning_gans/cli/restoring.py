"""A user's own pictures, enlarged or completed: what their files keep, and what in them is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from lightning_gans.batch import Condition
from lightning_gans.cli.commands import TranslatingOptions
from lightning_gans.data.masks import CenterMask, fitted_mask, read_mask
from lightning_gans.engine import Translator
from lightning_gans.engine.tiles import in_tiles
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.files import decode_image, image_files
from lightning_gans.images import from_uint8, to_uint8

_OPAQUE = 128  # opacity below it is none
_TILE = 128  # of the source; the paper's SRResNet then needs 1.4 GB for 6000 x 4000 pixels
_SPACES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}  # as color profiles call them


class Picture(NamedTuple):
    """An image as a model takes it, with what else its file holds."""

    pixels: Tensor
    """uint8 (C, H, W); colors under what is transparent are those of the file."""
    gray: bool
    opacity: Image.Image | None
    profile: bytes | None

    def with_pixels(self, pixels: Tensor) -> Image.Image:
        """Others, uint8 (1 or 3, H', W'), with what else the file holds; a color profile where it suits the mode."""
        image: Image.Image = to_pil_image(pixels)
        image = image.convert("L") if self.gray else image
        if self.opacity is not None:
            image.putalpha(self.opacity.resize(image.size, Image.Resampling.BICUBIC))
        if self.profile is not None and self.profile[16:20] == _SPACES[image.mode]:
            image.info["icc_profile"] = self.profile  # Pillow writes it
        return image


def read_picture(file: Path, channels: int) -> Picture:
    """Decode an image at its size, upright, for a model of 1 or 3 channels.

    Raises:
        ConfigError: The file is not an image that can be decoded.
    """
    image = decode_image(file, "RGBA")
    with Image.open(file) as head:
        gray = head.mode in ("1", "L", "LA") or head.mode.startswith("I")
        opacity = image.getchannel("A") if head.has_transparency_data else None
        profile = head.info.get("icc_profile")
    pixels = pil_to_tensor(image.convert("RGB").convert("L" if channels == 1 else "RGB"))
    return Picture(pixels, gray, opacity, profile)


Missing = Callable[[Path, Picture], Tensor]
"""Of a file and the picture in it, the mask, bool (1, H, W)."""
Work = Callable[[Path], tuple[Image.Image, Image.Image]]
"""Of a file, the image that a model was shown and what it made."""


def enlarging(model: Translator, options: TranslatingOptions, channels: int) -> Work:
    """What makes of a file the image in it and a larger one, tile by tile where the model knows how far it looks.

    Raises:
        ConfigError: Each tile would be drawn by itself.
    """
    overlap = model.overlap if options.overlap is None else options.overlap
    side = _TILE if options.tile is None else options.tile
    whole = not side or overlap is None
    if model.stochastic and not whole:
        raise ConfigError("--stochastic", True, "tiles would each be drawn by themselves; give --tile 0")

    def enlarged(file: Path) -> tuple[Image.Image, Image.Image]:
        picture = read_picture(file, channels)

        def make(window: Tensor) -> Tensor:
            return model.translate(window, seed=options.seed, ema=not options.no_ema)

        tile = max(picture.pixels.shape[1:]) if whole else side
        source = from_uint8(picture.pixels)[None]
        made = in_tiles(make, source, scale=model.scale, tile=tile, overlap=overlap or 0)
        return to_pil_image(picture.pixels), picture.with_pixels(made)

    return enlarged


def completing(model: Translator, options: TranslatingOptions, channels: int) -> Work:
    """What makes of a file the image in it with gray holes, and the whole one: what is known is the file's to the bit.

    Raises:
        ConfigError: Nothing says what is missing.
    """
    if options.mask is None:
        hint = f"{type(model).__name__} completes images: say what is missing, with center, alpha, a file or a folder"
        raise ConfigError("--mask", None, hint)
    missing, transparent = _missing(options.mask, Path(options.images)), _NAMED.get(options.mask) is _transparent

    def completed(file: Path) -> tuple[Image.Image, Image.Image]:
        picture = read_picture(file, channels)
        mask, source = missing(file, picture), from_uint8(picture.pixels)
        drawn = model.generate(
            Condition(source=source[None], mask=mask[None].float()), n=1, seed=options.seed, ema=not options.no_ema
        )
        made = torch.where(mask, to_uint8(drawn[0]).cpu(), picture.pixels)
        if transparent and picture.opacity is not None:
            opaque = pil_to_tensor(picture.opacity).masked_fill(mask, 255)
            picture = picture._replace(opacity=to_pil_image(opaque) if opaque.min() < 255 else None)
        return to_pil_image(to_uint8(source.masked_fill(mask, 0))), picture.with_pixels(made)

    return completed


def masks_place(mask: str | None) -> Path | None:
    """Where masks lie, if they are files."""
    return None if mask is None or mask in _NAMED else Path(mask)


def _central(file: Path, picture: Picture) -> Tensor:
    """The middle half of both sides."""
    return CenterMask()(torch.empty(1, 0), *picture.pixels.shape[1:])[0].bool()


def _transparent(file: Path, picture: Picture) -> Tensor:
    if picture.opacity is not None:
        mask: Tensor = pil_to_tensor(picture.opacity) < _OPAQUE
        if mask.any():
            return mask
    raise ConfigError("--mask", "alpha", f"nothing in {file} is transparent")


_NAMED: dict[str, Missing] = {"center": _central, "alpha": _transparent}


def _missing(given: str, images: Path) -> Missing:
    """What says what is missing: a name, a file for all images, or a folder of a file for each."""
    if given in _NAMED:
        return _NAMED[given]
    place = Path(given)
    if place.is_file():
        mask = read_mask(place)
        return lambda file, picture: _fitted(mask, place, picture)
    if not place.is_dir():
        raise ConfigError("--mask", given, "no such file or folder; or say center or alpha")
    names = {each.relative_to(place): each for each in image_files(place, "--mask")}
    found = {name.with_suffix(""): each for name, each in names.items()} | names
    root = images if images.is_dir() else images.parent

    def of_that_name(file: Path, picture: Picture) -> Tensor:
        name = file.relative_to(root)
        mask = found.get(name, found.get(name.with_suffix("")))
        if mask is None:
            raise ConfigError("--mask", given, f"has no mask for {file}: {name}, with any ending")
        return _fitted(read_mask(mask), mask, picture)

    return of_that_name


def _fitted(mask: Image.Image, file: Path, picture: Picture) -> Tensor:
    """White is missing; as large as the picture, whose shape it must have, to a pixel of the coarser of the two."""
    height, width = picture.pixels.shape[1:]
    if abs(mask.width * height - width * mask.height) > max(mask.height, height):
        hint = f"is {mask.width} x {mask.height} pixels, the image {width} x {height}: another shape"
        raise ConfigError("--mask", str(file), hint)
    white = fitted_mask(mask, height, width)
    if not white.any():
        raise ConfigError("--mask", str(file), "nothing in it is white, and so nothing missing")
    return white
