"""Images and the small ones that they are to be made from: super-resolution."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torchmetrics import Metric

from lightning_gans.data.base import DerivedData
from lightning_gans.data.classics import CIFAR10
from lightning_gans.data.datasets import BatchedDataset
from lightning_gans.data.degradations import Degradation, Degrade
from lightning_gans.data.emoji import Emoji
from lightning_gans.data.folder import HeldOutFolder, Picture
from lightning_gans.data.windows import WindowDataset
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import RestorationQuality, SlicedWasserstein

_PHOTOGRAPHS = {  # where those lie that are trained on, and those that are not
    "train": (
        "sklearn/datasets/images/flower.jpg",
        "skimage/data/chelsea.png",
        "skimage/data/coffee.png",
        "skimage/data/rocket.jpg",
    ),
    "test": ("sklearn/datasets/images/china.jpg", "skimage/data/astronaut.png"),
}


class DegradedData(DerivedData):
    """A datamodule whose images are to be made from smaller ones: stands before one of images.

    Args:
        scale: By how much sources are smaller: 2, 3, 4 or 8.
        degradations: What happens to them besides, in random order; none for antialiased bicubic shrinking, as
            Pillow does it. See ``Degrade``. What is held out is degraded once and for all.

    Raises:
        ConfigError: It is another factor, or does not divide the images' sides.
    """

    def __init__(self, *args: Any, scale: int = 4, degradations: Sequence[Degradation] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scale, self._derivation = scale, Degrade(scale, degradations)
        channels, height, width = self.image_shape
        if height % scale or width % scale:
            raise ConfigError("scale", scale, f"must divide the images' sides, {height} x {width}")
        self.source_shape = (channels, height // scale, width // scale)

    def derivation(self) -> Degrade:
        """Shrinking and degrading."""
        return self._derivation

    def metrics(self) -> dict[str, Metric]:
        """How near the images come to the truth, and how near all of them together to all of its patches."""
        return {"restoration": RestorationQuality(self.scale), "swd": SlicedWasserstein()}


class DegradedEmoji(DegradedData, Emoji):
    """Emoji to be made from small ones, 64 x 64 from 16 x 16 unless told otherwise; held out as by ``Emoji``.

    Example:
        >>> batch = next(iter(DegradedEmoji().train_dataloader()))
        >>> batch["source"].shape, batch["image"].shape
        (torch.Size([64, 3, 16, 16]), torch.Size([64, 3, 64, 64]))
    """


class DegradedCIFAR10(DegradedData, CIFAR10):
    """CIFAR-10's photographs, to be made from small ones of 8 x 8 pixels unless told otherwise."""


class _Windows(HeldOutFolder):
    """Windows of images at their own resolution.

    Args:
        skip_small: Whether images that are smaller than a window are left out, with one line that counts them.
            Otherwise they stop the run.
    """

    def __init__(self, *args: Any, skip_small: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.skip_small = skip_small
        self._sizes = self._measured([*self.train_files, *self.test_files])

    def _dataset(self, files: Sequence[Path]) -> BatchedDataset:
        kept = [file for file in files if file in self._sizes]
        if not kept:
            hint = f"none of the {len(files)} images to learn from, or held out, in {self.root} is that large"
            raise ConfigError("image_size", self.image_size, hint)
        sizes = [self._sizes[file] for file in kept]
        return WindowDataset(kept, sizes, self.image_size, self.channels).load(self.root, self.skip_unreadable)

    def _measured(self, files: Sequence[Path]) -> dict[Path, tuple[int, int]]:
        """Width and height of the images that are large enough."""
        sizes = {file: self._size(file) for file in files}
        large = {file: size for file, size in sizes.items() if min(size) >= self.image_size}
        if small := [file for file in sizes if file not in large]:
            width, height = sizes[small[0]]
            counted = f"{len(small)} of {len(files)} images are smaller than a window, {small[0]} {width} x {height}"
            if not self.skip_small:
                hint = f"{counted} the first; make it smaller, or leave such images out with --data.skip_small true"
                raise ConfigError("image_size", self.image_size, hint)
            self._notes.append(f"{counted} the first, and are left out")
        return large

    def _size(self, file: Path) -> tuple[int, int]:
        try:
            return Picture(file).size()
        except ConfigError:
            if not self.skip_unreadable:
                raise
            return self.image_size, self.image_size  # decoding will count it among the damaged ones


class DegradedImages(DegradedData, _Windows):
    """A user's own images, of any sizes, to be made from small ones: windows at their own resolution.

    An epoch has as many windows as fit into the images side by side, each at a random place of its image; what is held
    out is cut into windows side by side. Images are decoded once and kept where they take up to 512 MiB, otherwise
    whenever one is asked for. See ``HeldOutFolder``; here ``image_size`` is the side of a window. Images that are
    smaller stop the run, or are left out with ``skip_small``, with one line that counts them.
    """


class _PhotographFiles(_Windows):
    """Windows of photographs in installed packages."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(root="scikit-learn and scikit-image", **kwargs)

    def _find(self, root: Path) -> tuple[list[Path], list[Path]]:
        train, test = ([_installed(name) for name in _PHOTOGRAPHS[part]] for part in ("train", "test"))
        return train, test


class Photographs(DegradedData, _PhotographFiles):
    """Six photographs inside scikit-learn and scikit-image, to be made from small ones; needs the extra ``photos``.

    | photograph | size | by | license |
    |---|---|---|---|
    | ``flower`` | 640 x 427 | vultilion, Flickr | CC BY 2.0 |
    | ``chelsea``, a cat | 451 x 300 | Stefan van der Walt | CC0 |
    | ``coffee`` | 600 x 400 | Rachel Michetti | CC0 |
    | ``rocket`` | 640 x 427 | SpaceX | public domain |
    | ``china``, held out | 640 x 427 | danielbuechele, Flickr | CC BY 2.0 |
    | ``astronaut``, held out | 512 x 512 | NASA | public domain |

    As these packages say: ``sklearn/datasets/images/README.txt`` and the docstrings of ``skimage.data``. Their other
    pictures are left out: of microscopes, telescopes and eyes, or under no license that is named. See
    ``DegradedImages``; ``test_files`` are the two that are held out, to be enlarged whole.

    Raises:
        ConfigError: scikit-image is not installed.
    """


def _installed(name: str) -> Path:
    """A file of an installed package."""
    package, _, inside = name.partition("/")
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ConfigError("data", "Photographs", "needs scikit-image; pip install 'lightning-gans[photos]'")
    return Path(found.origin).parent / inside
