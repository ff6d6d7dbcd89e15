"""What of an image is missing."""

import hashlib
import math
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from PIL import Image, ImageChops, ImageDraw
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.files import decode_image, image_files


class MaskRule(ABC):
    """Masks that a few uniform random numbers an image select."""

    num_uniforms = 0
    """How many of them."""

    @abstractmethod
    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """Masks (N, 1, height, width), float, 1 where something is missing, by numbers (N, num_uniforms) in [0, 1)."""

    def fingerprint(self) -> str:
        """What identifies it: its settings, unless a subclass knows better."""
        return f"{type(self).__name__}({vars(self)})"


class CenterMask(MaskRule):
    """The middle of every image, a rectangle of its shape.

    Args:
        share: Of height and width, rounded to pixels; one half as of Pathak et al. 2016, arXiv:1604.07379, section 3.3.

    Raises:
        ConfigError: It does not lie between 0 and 1.

    Example:
        >>> CenterMask()(torch.empty(1, 0), 4, 4)[0, 0]
        tensor([[0., 0., 0., 0.],
                [0., 1., 1., 0.],
                [0., 1., 1., 0.],
                [0., 0., 0., 0.]])
    """

    def __init__(self, share: float = 0.5) -> None:
        if not 0 < share < 1:
            raise ConfigError("share", share, "is a share of the image's sides, between 0 and 1")
        self.share = share

    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """The same for each."""
        mask = torch.zeros(len(uniform), 1, height, width)
        rows, columns = (max(1, round(self.share * side)) for side in (height, width))
        top, left = (height - rows) // 2, (width - columns) // 2
        mask[:, :, top : top + rows, left : left + columns] = 1
        return mask


class BlockMasks(MaskRule):
    """Rectangles at random places that may overlap, their sides shares of the image's.

    "Random block" of Pathak et al. 2016, arXiv:1604.07379, section 3.3, which cover up to a quarter in all; here
    ``number * max_share ** 2`` at most.

    Args:
        number: Of rectangles.
        min_share: Least side.
        max_share: Largest side.

    Raises:
        ConfigError: The number is not positive, or the shares are out of order or do not lie between 0 and 1.
    """

    def __init__(self, number: int = 5, min_share: float = 0.1, max_share: float = 0.22) -> None:
        if number < 1:
            raise ConfigError("number", number, "must be positive")
        if not 0 < min_share <= max_share < 1:
            raise ConfigError(
                "max_share", max_share, f"must lie below 1, and not below min_share, {min_share}, above 0"
            )
        self.number, self.min_share, self.max_share = number, min_share, max_share
        self.num_uniforms = 4 * number

    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """See ``MaskRule``."""
        numbers = uniform.view(len(uniform), 4, self.number)
        rows = self._inside(numbers[:, 0], numbers[:, 1], height)
        columns = self._inside(numbers[:, 2], numbers[:, 3], width)
        blocks = rows[..., None] & columns[..., None, :]  # (N, number, height, width)
        return blocks.any(1, keepdim=True).float()

    def _inside(self, length: Tensor, place: Tensor, side: int) -> Tensor:
        """Which pixels of an axis lie in a block: (N, number, side)."""
        share = self.min_share + (self.max_share - self.min_share) * length
        pixels = (share * side).long().clamp(min=1)
        first = (place * (side - pixels + 1)).long()
        each = torch.arange(side)
        return (each >= first[..., None]) & (each < (first + pixels)[..., None])


class FreeFormMasks(MaskRule):
    """Brush strokes, as of somebody who rubs something out: Yu et al. 2019, arXiv:1806.03589, their algorithm 1.

    A stroke goes from a random place over a number of vertices, turning to one side and then to the other by the
    authors' angles of 2 pi / 5 +- 2 pi / 15 against its direction, at one width with round joints. Its direction is
    drawn from the whole circle, where their code mirrors; steps are uniform, a quarter of the diagonal at most. By
    default a mask covers 18% of an image on average, nine in ten of them 4% to 36%, and none was seen below 0.5% or
    above 65%.

    Args:
        max_strokes: Most strokes; the least is 1.
        min_vertices: Least vertices of a stroke.
        max_vertices: Most.
        min_width: Least width of the brush, as a share of the shorter side; 12 of 256 pixels in the authors' code.
        max_width: Largest; there 40 of 256.

    Raises:
        ConfigError: A setting is not positive, or a range is out of order.
    """

    def __init__(
        self,
        max_strokes: int = 3,
        min_vertices: int = 4,
        max_vertices: int = 12,
        min_width: float = 12 / 256,
        max_width: float = 40 / 256,
    ) -> None:
        if max_strokes < 1:
            raise ConfigError("max_strokes", max_strokes, "must be positive")
        if not 0 < min_vertices <= max_vertices:
            raise ConfigError("max_vertices", max_vertices, f"must not be below min_vertices, {min_vertices}, above 0")
        if not 0 < min_width <= max_width:
            raise ConfigError("max_width", max_width, f"must not be below min_width, {min_width}, above 0")
        self.max_strokes, self.min_vertices, self.max_vertices = max_strokes, min_vertices, max_vertices
        self.min_width, self.max_width = min_width, max_width
        self.num_uniforms = 1 + max_strokes * (5 + 2 * max_vertices)

    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """See ``MaskRule``."""
        return torch.stack([self._drawn(numbers, height, width) for numbers in uniform.tolist()])

    def _drawn(self, numbers: list[float], height: int, width: int) -> Tensor:
        """One mask (1, height, width)."""
        mask = Image.new("L", (width, height))
        each = 5 + 2 * self.max_vertices
        for stroke in range(1 + int(numbers[0] * self.max_strokes)):
            self._draw_stroke(ImageDraw.Draw(mask), numbers[1 + stroke * each :], height, width)
        pixels: Tensor = pil_to_tensor(mask)
        return pixels.float()

    def _draw_stroke(self, draw: ImageDraw.ImageDraw, numbers: list[float], height: int, width: int) -> None:
        x, y, direction = numbers[0] * width, numbers[1] * height, numbers[2] * math.tau
        brush = (self.min_width + (self.max_width - self.min_width) * numbers[3]) * min(height, width)
        count = self.min_vertices + int(numbers[4] * (self.max_vertices - self.min_vertices + 1))
        points = [(x, y)]
        for vertex in range(count):
            turn, length = numbers[5 + 2 * vertex : 7 + 2 * vertex]
            angle = direction + (-1) ** vertex * (math.tau / 5 + (2 * turn - 1) * math.tau / 15)
            step = length * math.hypot(height, width) / 4
            x = min(max(x + step * math.cos(angle), 0), width)
            y = min(max(y + step * math.sin(angle), 0), height)
            points.append((x, y))
        draw.line(points, fill=1, width=max(1, round(brush)))
        for x, y in points:
            draw.ellipse((x - brush / 2, y - brush / 2, x + brush / 2, y + brush / 2), fill=1)


class FolderMasks(MaskRule):
    """Masks that lie in a folder as images, as ``read_mask`` has them. One of them is drawn for each image.

    They are resized to the images' size; a pixel is missing of which some part is.

    Args:
        root: The folder.

    Raises:
        ConfigError: It is missing or holds no images.
    """

    num_uniforms = 1

    def __init__(self, root: str) -> None:
        self.files = image_files(Path(root), "root")

    def __call__(self, uniform: Tensor, height: int, width: int) -> Tensor:
        """See ``MaskRule``."""
        chosen = (uniform[:, 0] * len(self.files)).long().tolist()
        return torch.stack([self._read(self.files[number], height, width) for number in chosen])

    def fingerprint(self) -> str:
        """A hash of what the files contain."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _read(self, file: Path, height: int, width: int) -> Tensor:
        return fitted_mask(read_mask(file, hint="; remove it"), height, width).float()


def read_mask(file: Path, hint: str = "") -> Image.Image:
    """A mask in a file, gray: 128 and above, white, is missing; what is transparent in it is known.

    Args:
        file: In any format that Pillow reads.
        hint: What errors add.

    Raises:
        ConfigError: It is damaged or no image.
    """
    image = decode_image(file, "RGBA", hint=hint)  # on a white ground strokes on nothing would hide everything
    return ImageChops.multiply(image.convert("RGB").convert("L"), image.getchannel("A"))


def fitted_mask(mask: Image.Image, height: int, width: int) -> Tensor:
    """A gray image as a mask, bool (1, height, width): a pixel is missing of which some part is, thin strokes too."""
    white = (pil_to_tensor(mask) >= 128).float()
    return nn.functional.adaptive_max_pool2d(white, (height, width)) > 0
