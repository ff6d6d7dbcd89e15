"""Images from files: one decoder, and the reading of many at once."""

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.errors import ConfigError

MODES = {1: "L", 3: "RGB"}
"""What Pillow calls images of so many channels."""

_AT_ONCE = 256  # files waiting for a thread
_REDUCED_TO = 2.0  # a JPEG may be decoded at a fraction of its size, if that is twice as large as needed


def read_image(file: Path, channels: int, side: int) -> Tensor:
    """Decode an image, resize its shorter side and crop the middle to a square.

    It is turned upright as its camera says; transparency is dropped. Resizing is Pillow's bicubic with antialiasing.

    Args:
        file: The file.
        channels: 1 for gray, 3 for RGB.
        side: Height and width of the result.

    Returns:
        uint8 (channels, side, side).

    Raises:
        ConfigError: The file is not an image that can be decoded, or has more than 8 bits a channel.
    """
    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ConfigError("image", str(file), f"has levels of mode {image.mode}; convert it to 8 bits")
            image.draft(MODES[channels], (round(side * _REDUCED_TO), round(side * _REDUCED_TO)))
            upright = ImageOps.exif_transpose(image).convert(MODES[channels])
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        if isinstance(error, ConfigError):
            raise
        hint = f"cannot be read ({error}); remove it, or leave such files out with skip_unreadable"
        raise ConfigError("image", str(file), hint) from error
    pixels: Tensor = pil_to_tensor(ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC))
    return pixels


def read_images(files: Sequence[Path], channels: int, side: int) -> Iterator[Tensor | ConfigError]:
    """Decode many files on all cores, in order; what cannot be read comes as its error.

    Args:
        files: The files.
        channels: As of ``read_image``.
        side: Likewise.
    """

    def read(file: Path) -> Tensor | ConfigError:
        try:
            return read_image(file, channels, side)
        except ConfigError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), _AT_ONCE):
            yield from pool.map(read, files[first : first + _AT_ONCE])
