"""Mixtures of Gaussians in the plane, on which it can be counted which modes a generator has lost."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_gans.data.base import require_positive
from lightning_gans.data.plane import PlaneData, centers
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import ModeCoverage
from lightning_gans.evaluation.metrics.functional import gaussian_mixture_log_density

_MOST_DRAWN = 200  # points drawn by hand: a transport to as many can be computed exactly


class GaussianMixture2D(PlaneData):
    """Points of a mixture of isotropic Gaussians of equal weights; labels are the numbers of the modes.

    Besides the usual metrics it has ``metrics/modes``, ``metrics/high_quality``, ``metrics/reverse_kl``,
    ``metrics/jsd`` and ``metrics/spread`` (see ``ModeCoverage``), which know the true modes.

    Args:
        means: Centers of the modes (K, 2); kept as float64.
        std: Standard deviation of every mode, along each axis.
        kwargs: Arguments of ``PlaneData``.

    Raises:
        ConfigError: There are no modes, two are the same, or the deviation is not positive.

    Example:
        >>> data = GaussianMixture2D([[0.0, 0.0], [1.0, 0.0]], std=0.1, num_samples=500)
        >>> points, labels = next(iter(data.train_dataloader()))
        >>> points.shape, labels.shape, data.num_classes
        (torch.Size([64, 2]), torch.Size([64]), 2)
    """

    def __init__(self, means: Sequence[Sequence[float]], std: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive(std=std)
        self.means, self.std = centers("means", means), std
        if len(self.means.unique(dim=0)) < len(self.means):
            raise ConfigError("means", means, "two modes are the same; leave one out")
        self.num_classes = len(self.means)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """A mode for each, and a normal displacement."""
        labels = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return self.means[labels] + self.std * noise, labels

    def log_density(self, points: Tensor) -> Tensor:
        """See ``gaussian_mixture_log_density``."""
        return gaussian_mixture_log_density(points, self.means, self.std)

    def metrics(self) -> dict[str, Metric]:
        """How many modes are captured, and how evenly."""
        return {"coverage": ModeCoverage(self.means, self.std)}


class Ring2D(GaussianMixture2D):
    """Modes evenly on a circle around the origin, the first on the right: by default PacGAN's ring of 8.

    Lin et al. 2018, arXiv:1712.04086, section 4.1: radius 1, standard deviation 0.01, 100,000 points. (Srivastava et
    al. 2017, arXiv:1705.07761, mean the same ring; radius 2 and 0.02 is the same up to scale.)

    Args:
        modes: Number of modes.
        radius: Of the circle.
        std: As of ``GaussianMixture2D``.

    Example:
        >>> Ring2D(modes=4).means.round(decimals=6).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, modes: int = 8, radius: float = 1.0, std: float = 0.01, **kwargs: Any) -> None:
        require_positive(modes=modes, radius=radius)
        angles = [2 * math.pi * k / modes for k in range(modes)]  # the whole circle would repeat the first
        means = [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
        super().__init__(means, std, **kwargs)


class Grid2D(GaussianMixture2D):
    """Modes on a square grid around the origin: by default PacGAN's grid of 25, {-4, -2, 0, 2, 4}^2.

    Lin et al. 2018, arXiv:1712.04086, section 4.1: standard deviation 0.05, 100,000 points.

    Args:
        side: Number of modes along each side.
        spacing: Distance of neighbors.
        std: As of ``GaussianMixture2D``.

    Example:
        >>> Grid2D(side=3).means[:, 0].unique().tolist()
        [-2.0, 0.0, 2.0]
    """

    def __init__(self, side: int = 5, spacing: float = 2.0, std: float = 0.05, **kwargs: Any) -> None:
        require_positive(side=side, spacing=spacing)
        steps = [spacing * (k - (side - 1) / 2) for k in range(side)]
        super().__init__([(x, y) for x in steps for y in steps], std, **kwargs)


class TwoGaussians2D(GaussianMixture2D):
    """Two wide modes side by side, at equal distances from the origin.

    Args:
        distance: Of their centers.
        std: As of ``GaussianMixture2D``.

    Example:
        >>> TwoGaussians2D(distance=3.0).means.tolist()
        [[-1.5, 0.0], [1.5, 0.0]]
    """

    def __init__(self, distance: float = 1.5, std: float = 0.2, **kwargs: Any) -> None:
        require_positive(distance=distance)
        super().__init__([(-distance / 2, 0.0), (distance / 2, 0.0)], std, **kwargs)


class Points2D(GaussianMixture2D):
    """Points that someone has drawn, with normal noise around each; no labels. One that comes twice counts once.

    Args:
        points: At most 200 pairs of coordinates.
        std: As of ``GaussianMixture2D``.

    Raises:
        ConfigError: There are no points, or too many.

    Example:
        >>> Points2D([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).means.tolist()
        [[0.0, 0.0], [1.0, 1.0]]
    """

    def __init__(self, points: Sequence[Sequence[float]], std: float = 0.02, **kwargs: Any) -> None:
        if len(points) > _MOST_DRAWN:
            raise ConfigError("points", f"{len(points)} points", f"at most {_MOST_DRAWN} can be drawn; leave some out")
        super().__init__(list(dict.fromkeys(map(tuple, centers("points", points).tolist()))), std, **kwargs)
        self.num_classes = None

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """As of a mixture, without its labels."""
        return super().draw(n, generator)[0], None
