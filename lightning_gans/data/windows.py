"""Windows of images of any sizes: side by side to measure, at random places to learn."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_gans.data import folder
from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.datasets import BatchedDataset
from lightning_gans.images import from_uint8

_PLACES = -2  # the stream of random numbers that places are drawn from


class Window(NamedTuple):
    """A square of an image: the image's number, and the corner's place in pixels."""

    image: int
    top: int
    left: int


class WindowDataset(BatchedDataset):
    """Windows of images in files: as many as fit in each side by side, around its middle.

    A row of training shows another window of the same image, at a place that is drawn: large images are shown more
    often. Images are decoded once, or whenever they are asked for if they take more than 512 MiB.

    Args:
        files: The images, none smaller than a window.
        sizes: Width and height of each.
        side: Of a window, in pixels.
        channels: 3 for RGB, 1 for gray.
    """

    def __init__(self, files: Sequence[Path], sizes: Sequence[tuple[int, int]], side: int, channels: int) -> None:
        self.files, self.sizes, self.side, self.channels = files, sizes, side, channels
        self.windows = [
            Window(number, top, left)
            for number, (width, height) in enumerate(sizes)
            for top in range(height % side // 2, height - side + 1, side)
            for left in range(width % side // 2, width - side + 1, side)
        ]
        self._kept: list[Tensor] | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor]:
        return self._cut([self.windows[index] for index in indices])

    def training_items(self, rows: Sequence[int], seed: int) -> tuple[Tensor]:
        """See ``BatchedDataset``."""
        windows = []
        for row, place in zip(rows, augmentation_noise(seed, _PLACES, rows, 2).tolist(), strict=True):
            image = self.windows[row % len(self)].image
            width, height = self.sizes[image]
            corner = (int(u * (size - self.side + 1)) for u, size in zip(place, (height, width), strict=True))
            windows.append(Window(image, *corner))
        return self._cut(windows)

    def fingerprint(self) -> str:
        """A hash of what the files contain, of the windows' side and of the channels; nothing is decoded."""
        digest = hashlib.sha256(f"{self.side} {self.channels}".encode())
        for file in self.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def load(self, root: str, skip_unreadable: bool) -> "WindowDataset":
        """Decode the images, if they may stay in memory, and leave out what cannot be read; see ``FileDataset``."""
        keep = self.channels * sum(width * height for width, height in self.sizes) <= folder._KEPT
        if not keep and not skip_unreadable:
            return self
        decode = partial(self._decode, keep=keep)
        good, kept = zip(*folder.readable(decode, len(self.files), root, skip_unreadable), strict=True)
        found = WindowDataset(
            [self.files[number] for number in good], [self.sizes[number] for number in good], self.side, self.channels
        )
        found._kept = list(kept) if keep else None
        return found

    def _decode(self, number: int, keep: bool = True) -> Tensor:
        """The pixels of an image (C, H, W), uint8, or nothing where it is only asked whether they can be read."""
        pixels = folder.read_image(self.files[number], self.channels)
        return pixels if keep else torch.empty(0)

    def _cut(self, windows: Sequence[Window]) -> tuple[Tensor]:
        cut = torch.empty(len(windows), self.channels, self.side, self.side, dtype=torch.uint8)
        for number in {window.image for window in windows}:  # one image at a time in memory
            image = self._decode(number) if self._kept is None else self._kept[number]
            for place, (owner, top, left) in enumerate(windows):
                if owner == number:
                    cut[place] = image[:, top : top + self.side, left : left + self.side]
        return (from_uint8(cut),)
