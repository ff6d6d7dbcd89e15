"""Points of the plane whose density is known exactly: a line, regions that are apart."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.data.base import ImageDataModule, require_positive
from lightning_gans.data.datasets import PointDataset
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import IdentityFeatures
from lightning_gans.evaluation.metrics import ModeCoverage

_REFERENCE = 2_500  # points that samples are compared with, as many as PacGAN draws: neighbors take quadratic time


class PlaneData(ImageDataModule):
    """Points drawn from a distribution of the plane; a subclass draws them and knows their density.

    Points are not confined to [-1, 1]: the generator must not end in tanh.

    Args:
        num_samples: Number of points.

    Raises:
        ConfigError: A size is not positive.
    """

    image_shape = (2,)
    num_classes: int | None = None

    def __init__(self, num_samples: int = 100_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive(num_samples=num_samples)
        self.num_samples = num_samples

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Points (n, 2), and their labels (n,) if they have some."""

    @abstractmethod
    def log_density(self, points: Tensor) -> Tensor:
        """Of the distribution at points (N, 2): (N,), float64, in nats."""

    def density(self, points: Tensor) -> Tensor:
        """The exact density at points (N, 2): (N,), float64."""
        return self.log_density(points).exp()

    def load_train(self) -> PointDataset:
        """Draw the points."""
        generator = torch.Generator().manual_seed(fold_in(self.seed, 0))
        points, labels = self.draw(self.num_samples, generator)
        return PointDataset(points.float(), labels)

    @property
    def reference_dataset(self) -> PointDataset:
        """The first 2,500 of the training points."""
        train = self.train_dataset
        assert isinstance(train, PointDataset)
        labels = None if train.labels is None else train.labels[:_REFERENCE]
        return PointDataset(train.points[:_REFERENCE], labels)

    def features(self) -> IdentityFeatures:
        """Points are their own features; metrics are named ``metrics/fid_points`` and so on."""
        return IdentityFeatures("points")


class Line2D(PlaneData):
    """A stretch of a straight line, evenly covered, with normal noise around it; no labels.

    With L its length, t a point's place along it and d the distance from it, the density is

        [Phi(t / s) - Phi((t - L) / s)] / L * exp(-d^2 / (2 s^2)) / (s sqrt(2 pi)),    s the standard deviation

    Args:
        start: Its first end.
        end: Its last.
        std: Of the noise, along each axis.

    Raises:
        ConfigError: The ends are the same, or the deviation is not positive.

    Example:
        >>> line = Line2D((0.0, 0.0), (4.0, 0.0), std=0.1)
        >>> line.density(torch.tensor([[2.0, 0.0], [0.0, 0.0]])).round(decimals=4)  # half as dense at an end
        tensor([0.9974, 0.4987], dtype=torch.float64)
    """

    def __init__(
        self,
        start: tuple[float, float] = (-1.0, 0.5),
        end: tuple[float, float] = (1.0, -0.5),
        std: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(std=std)
        self.ends = centers("start, end", [start, end])
        if torch.equal(self.ends[0], self.ends[1]):
            raise ConfigError("end", end, "a line has two different ends; start is the same")
        self.std = std

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """A place on the line for each, and a normal displacement."""
        place = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return torch.lerp(self.ends[0], self.ends[1], place) + self.std * noise, None

    def log_density(self, points: Tensor) -> Tensor:
        """See the class."""
        along = self.ends[1] - self.ends[0]
        length = float(along.norm())
        offset = points.double().cpu() - self.ends[0]
        t = offset @ along / length
        d = (offset[:, 0] * along[1] - offset[:, 1] * along[0]) / length
        middle = length / 2 - (t - length / 2).abs()  # mirrored to the first half, where neither tail loses digits
        near, far = (torch.special.log_ndtr((middle - end) / self.std) for end in (0.0, length))
        along_it: Tensor = near + torch.log1p(-(far - near).exp()) - math.log(length)
        across = -(d / self.std).square() / 2 - math.log(self.std * math.sqrt(2 * math.pi))
        return along_it + across


class DisjointRegions2D(PlaneData):
    """Disks that are apart, evenly covered, on a circle around the origin, the first above; labels are their numbers.

    Density 1 / (K pi r^2) inside of K disks, 0 outside: unlike mixtures, nothing lies between. ``metrics/modes``
    counts the disks that are hit and ``metrics/high_quality`` the samples inside; ``metrics/spread`` of a perfect
    generator is 1.21, since a disk is wider than a normal distribution that is cut off there.

    Args:
        regions: Number of disks, K.
        distance: Of their centers from the origin.
        radius: Of each disk, r.

    Raises:
        ConfigError: A number is not positive, or the disks touch.

    Example:
        >>> data = DisjointRegions2D()
        >>> data.num_classes, data.density(torch.zeros(1, 2))
        (3, tensor([0.], dtype=torch.float64))
    """

    def __init__(self, regions: int = 3, distance: float = 1.0, radius: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive(regions=regions, distance=distance, radius=radius)
        apart = 2 * distance * math.sin(math.pi / regions) if regions > 1 else math.inf
        if radius >= apart / 2:
            raise ConfigError("radius", radius, f"the regions touch; it must be below {apart / 2:.3g}")
        angles = [math.pi / 2 + 2 * math.pi * k / regions for k in range(regions)]
        self.means = centers("regions", [(distance * math.cos(a), distance * math.sin(a)) for a in angles])
        self.radius, self.num_classes = radius, regions

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """A disk for each, an angle, and a distance whose square is even."""
        labels = torch.randint(len(self.means), (n,), generator=generator)
        angle, square = torch.rand(2, n, generator=generator, dtype=torch.float64)
        direction = torch.stack([(2 * math.pi * angle).cos(), (2 * math.pi * angle).sin()], 1)
        return self.means[labels] + self.radius * square.sqrt()[:, None] * direction, labels

    def log_density(self, points: Tensor) -> Tensor:
        """See the class; minus infinity outside."""
        nearest = torch.cdist(points.double().cpu(), self.means).amin(1)
        inside = -math.log(len(self.means) * math.pi * self.radius**2)
        return torch.full_like(nearest, inside).masked_fill(nearest > self.radius, -math.inf)

    def metrics(self) -> dict[str, Metric]:
        """How many disks are hit, and how evenly; the standard deviation of a disk along an axis is r / 2."""
        return {"coverage": ModeCoverage(self.means, self.radius / 2, threshold=2.0)}


def centers(name: str, points: Sequence[Sequence[float]]) -> Tensor:
    """Points of the plane as a float64 tensor (K, 2); ``name`` is for the error.

    Raises:
        ConfigError: They are no pairs of finite numbers, or none.
    """
    if len(points) == 0 or any(len(point) != 2 for point in points):
        raise ConfigError(name, points, "give pairs of coordinates, one at least: [[x, y], ...]")
    found = torch.as_tensor(points, dtype=torch.float64)
    if not bool(found.isfinite().all()):
        raise ConfigError(name, points, "coordinates must be finite numbers")
    return found
