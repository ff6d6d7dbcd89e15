"""``lightning_gans sample``."""

from pathlib import Path

from torchvision.utils import save_image

from lightning_gans.callbacks.samples import columns, grid
from lightning_gans.cli.runs import read_checkpoint, require_writable
from lightning_gans.core import GAN, Game
from lightning_gans.errors import SettingError
from lightning_gans.images import to_uint8

_AT_ONCE = 256  # images in memory


def sample(checkpoint: str, num: int = 64, seed: int = 0, output: str = "samples", ema: bool = True) -> None:
    """Generate images from a checkpoint: one PNG each, and a grid of the first 64.

    Args:
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote.
        num: Number of images.
        seed: Selects them.
        output: Folder for the files.
        ema: Averaged weights, or the raw ones.
    """
    if num < 1:
        raise SettingError("--num", num, "must be 1 or more")
    read_checkpoint(checkpoint)
    model = Game.load_from_checkpoint(checkpoint, map_location="cpu")
    if not isinstance(model, GAN):
        raise SettingError("checkpoint", checkpoint, f"{type(model).__name__} cannot be sampled")
    require_writable(output, "--output")
    folder = Path(output)
    for start in range(0, num, _AT_ONCE):
        images = model.sample(min(_AT_ONCE, num - start), seed=seed, ema=ema, start=start)
        if start == 0:
            first = grid(images[:64], columns(min(num, 64)))
            save_image(first.float() / 255, folder / "grid.png")
        for index, image in enumerate(images, start):
            save_image(to_uint8(image).float() / 255, folder / f"{index:05d}.png")
    print(f"{num} images and grid.png in {folder}")
