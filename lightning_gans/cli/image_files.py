"""Images as files: read at the size that they have, written as PNG."""

import struct
from pathlib import Path

from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8

_MODES = {1: "L", 3: "RGB"}


def read_image(file: Path, channels: int) -> Tensor:
    """An image at its own size, turned upright as its camera says; transparency is dropped.

    Args:
        file: The file.
        channels: 1 for gray, 3 for RGB.

    Returns:
        (channels, H, W) in [-1, 1].

    Raises:
        ConfigError: It is no image that can be decoded, or has more than 8 bits a channel.
    """
    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ConfigError("image", str(file), f"has levels of mode {image.mode}; convert it to 8 bits")
            pixels = pil_to_tensor(ImageOps.exif_transpose(image).convert(_MODES[channels]))
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError("image", str(file), f"cannot be read ({error})") from error
    return from_uint8(pixels)


def write_image(image: Tensor, file: Path) -> None:
    """Write a PNG; gray stays gray.

    Args:
        image: (C, H, W) in [-1, 1], of 1 or 3 channels.
        file: The file; its folder is made.

    Raises:
        ConfigError: The image has other channels, or the file cannot be written.
    """
    if image.shape[0] not in (1, 3):
        raise ConfigError("checkpoint", f"{image.shape[0]} channels", "PNG files hold 1 or 3; use Python")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        to_pil_image(to_uint8(image).cpu()).save(file)
    except OSError as error:
        raise ConfigError("--output", str(file), f"cannot be written ({error.strerror or error})") from error
