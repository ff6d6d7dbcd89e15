"""The work of ``lightning_gans translate``."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.cli.commands import TranslatingOptions
from lightning_gans.cli.restoring import Work, completing, enlarging, masks_place
from lightning_gans.cli.runs import as_picture, load_model, require_writable, write_picture
from lightning_gans.data.folder import read_image
from lightning_gans.engine import Game, Translator
from lightning_gans.engine.protocols import Translates, can_interpolate, can_translate
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.files import image_files
from lightning_gans.figures.grids import grid_picture
from lightning_gans.images import from_uint8

_IN_SHEET, _PAIRS_IN_ROW, _TILE = 32, 4, 128  # images, pairs, pixels


def write_translations(options: TranslatingOptions) -> None:
    """Translate, enlarge or complete an image or a folder of them, one at a time, and write each as it is made.

    Raises:
        ConfigError: The model cannot translate (that way), there are no images, or nothing can be written.
        SystemExit: With code 1: some images could not be read or translated; the others are done.
    """
    work = _work(load_model(options.checkpoint, options.device), options)
    output = Path(options.output)
    require_writable(output, "--output")
    targets = _targets(Path(options.images), output, masks_place(options.mask))
    tiles: list[Tensor] = []
    failed = 0
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        for source, target in progress.track(targets.items(), total=len(targets), description=""):
            try:
                shown, made = work(source)
            except ConfigError as error:
                named = str(error) if str(source) in str(error) else f"{source}: {error}"
                print(f"lightning_gans: {named}", file=sys.stderr)
                failed += 1
                continue
            write_picture(made, target)
            if len(tiles) < 2 * _IN_SHEET:
                tiles += [_tile(shown), _tile(made)]
    if tiles:
        grid_picture(torch.stack(tiles), 2 * _PAIRS_IN_ROW).save(output / "grid.png")
    sheet = f", and {output / 'grid.png'}" if tiles else ""
    print(f"{len(targets) - failed} of {len(targets)} images in {output}{sheet}")
    if failed:
        sys.exit(1)


def _work(model: Game, options: TranslatingOptions) -> Work:
    """What is done with each image, after a look at what the model can do."""
    name = type(model).__name__
    if not can_translate(model):
        hint = f"{name} does not translate images; lightning_gans sample generates from latents"
        raise ConfigError("checkpoint", options.checkpoint, hint)
    if options.interpolation is not None:
        _interpolate(model, options.interpolation)
    if options.stochastic and not isinstance(model, Translator):
        raise ConfigError("--stochastic", True, f"{name} has no such mode")
    if not (isinstance(model, Translator) and model.overlap is not None):
        for flag, value in (("--tile", options.tile), ("--overlap", options.overlap)):
            if value:  # none, or 0, is what is done
                raise ConfigError(flag, value, f"{name} makes no tiles; leave it out")
    channels = _source_channels(model, options)
    if isinstance(model, Translator):
        model.stochastic |= options.stochastic
        if "mask" in model.given:
            return completing(model, options, channels)
    if options.mask is not None:
        raise ConfigError("--mask", options.mask, f"{name} completes nothing; leave it out")
    if isinstance(model, Translator) and model.scale > 1:
        return enlarging(model, options, channels)
    way: dict[str, Any] = {} if options.direction == "AtoB" else {"direction": options.direction}

    def translated(file: Path) -> tuple[Image.Image, Image.Image]:
        image = from_uint8(read_image(file, channels))
        made = model.translate(image[None], seed=options.seed, ema=not options.no_ema, **way)[0]
        return as_picture(image), as_picture(made)

    return translated


def _interpolate(model: object, share: float) -> None:
    if not can_interpolate(model):
        raise ConfigError("--interpolation", share, f"{type(model).__name__} keeps no weights of an earlier phase")
    model.interpolate(share)


def _source_channels(model: Translates, options: TranslatingOptions) -> int:
    """Channels of what the model translates in that direction, as image files have them."""
    directions = model.directions if isinstance(model, Translator) else ("AtoB",)
    if options.direction not in directions:
        hint = f"{type(model).__name__} has learned {' and '.join(directions)} alone"
        raise ConfigError("--direction", options.direction, hint)
    channels = (model.channels_of(options.direction) if isinstance(model, Translator) else None) or 3
    if channels not in (1, 3):
        raise ConfigError("checkpoint", f"images of {channels} channels", "image files hold 1 or 3; use Python")
    return channels


def _targets(given: Path, output: Path, masks: Path | None) -> dict[Path, Path]:
    """Where the translation of each image goes: the same name inside the output, as PNG.

    Two images whose names differ in their suffixes alone keep these, and so does one that is called ``grid``. What lies
    in the output, and the masks, are left out.
    """
    if given.is_file():
        found, root = [given], given.parent
    elif given.is_dir():
        inside, root = output.resolve(), given
        if inside == given.resolve():
            raise ConfigError("--output", str(output), "is the folder of the images; choose another")
        found = image_files(given, "images")
        for other in (inside, *([] if masks is None else [masks.resolve()])):
            if other.is_relative_to(given.resolve()) and other != given.resolve():
                found = [each for each in found if other not in (each.resolve(), *each.resolve().parents)]
        if not found:
            raise ConfigError("images", str(given), "holds nothing but what was translated before")
    else:
        raise ConfigError("images", str(given), "no such image or folder")
    names = {file: file.relative_to(root) for file in found}
    taken = Counter([Path("grid"), *(name.with_suffix("") for name in names.values())])
    bare = {file: name.with_suffix("") if taken[name.with_suffix("")] == 1 else name for file, name in names.items()}
    targets = {file: output / f"{name}.png" for file, name in bare.items()}
    written = {target.resolve() for target in (output / "grid.png", *targets.values())}
    if lost := next((file for file in found if file.resolve() in written), None):
        raise ConfigError("--output", str(output), f"{lost} would be overwritten; choose another folder")
    return targets


def _tile(picture: Image.Image) -> Tensor:
    """A picture in a square of the sheet, on white, RGB, in [-1, 1]."""
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    picture = picture.convert("RGB")
    scale = _TILE // max(picture.size)
    if scale > 1:  # small ones by a whole factor, so that pixels stay what they are
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    return from_uint8(pil_to_tensor(ImageOps.pad(picture, (_TILE, _TILE), color="white")))
