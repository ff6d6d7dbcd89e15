"""``lightning_gans sample``."""

from pathlib import Path

from torchvision.transforms.functional import to_pil_image

from lightning_gans.callbacks.samples import columns, grid
from lightning_gans.cli.runs import read_checkpoint, require_writable
from lightning_gans.core import GAN, Game
from lightning_gans.errors import SettingError
from lightning_gans.images import to_uint8

_AT_ONCE = 256  # images in memory


def sample(checkpoint: str, num: int = 64, seed: int = 0, output: str = "samples", ema: bool = True) -> None:
    """Generate images from a checkpoint: one PNG each in ``images``, and ``grid.png`` of the first 64.

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
    singles = folder / "images"  # apart from the grid, so that `evaluate` takes the folder as it is
    singles.mkdir(exist_ok=True)
    for old in singles.glob("[0-9]*.png"):
        old.unlink()  # of another number or model: two must not be mixed
    for start in range(0, num, _AT_ONCE):
        images = model.sample(min(_AT_ONCE, num - start), seed=seed, ema=ema, start=start)
        if start == 0:
            first = grid(images[:64], columns(min(num, 64)))
            to_pil_image(first).save(folder / "grid.png")
        for index, image in enumerate(to_uint8(images).cpu(), start):
            to_pil_image(image).save(singles / f"{index:05d}.png")  # gray stays gray
    print(f"{num} images in {singles}, and {folder / 'grid.png'}")
