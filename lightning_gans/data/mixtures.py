"""Mixtures of Gaussians in the plane, on which it can be counted which modes a generator has lost."""

import math
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


class GaussianMixture2D(ImageDataModule):
    """Points of a mixture of isotropic Gaussians of equal weights; labels are the numbers of the modes.

    Points are not confined to [-1, 1]: the generator must not end in tanh. Besides the usual metrics it has
    ``metrics/modes``, ``metrics/high_quality``, ``metrics/reverse_kl``, ``metrics/jsd`` and
    ``metrics/spread`` (see ``ModeCoverage``), which know the true modes.

    Args:
        means: Centers of the modes (K, 2); kept as float64.
        std: Standard deviation of every mode, along each axis.
        num_samples: Number of points.

    Raises:
        ConfigError: There are no modes, two are the same, or a size is not positive.

    Example:
        >>> data = GaussianMixture2D([[0.0, 0.0], [1.0, 0.0]], std=0.1, num_samples=500)
        >>> points, labels = next(iter(data.train_dataloader()))
        >>> points.shape, labels.shape, data.num_classes
        (torch.Size([64, 2]), torch.Size([64]), 2)
    """

    image_shape = (2,)

    def __init__(self, means: Sequence[Sequence[float]], std: float, num_samples: int = 100_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive(std=std, num_samples=num_samples)
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim != 2 or self.means.shape[1] != 2 or len(self.means) == 0:
            raise ConfigError("means", tuple(self.means.shape), "give one pair of coordinates for each mode: (K, 2)")
        if len(self.means.unique(dim=0)) < len(self.means):
            raise ConfigError("means", means, "two modes are the same; leave one out")
        self.std, self.num_samples = std, num_samples
        self.num_classes = len(self.means)

    def load_train(self) -> PointDataset:
        """Draw the points: a mode for each, and a normal displacement."""
        generator = torch.Generator().manual_seed(fold_in(self.seed, 0))
        labels = torch.randint(len(self.means), (self.num_samples,), generator=generator)
        noise = torch.randn(self.num_samples, 2, generator=generator, dtype=torch.float64)
        return PointDataset((self.means[labels] + self.std * noise).float(), labels)

    @property
    def reference_dataset(self) -> PointDataset:
        """The first 2,500 of the training points."""
        train = self.train_dataset
        assert isinstance(train, PointDataset)
        return PointDataset(train.points[:_REFERENCE], train.labels[:_REFERENCE])

    def features(self) -> IdentityFeatures:
        """Points are their own features; metrics are named ``metrics/fid_points`` and so on."""
        return IdentityFeatures("points")

    def metrics(self) -> dict[str, Metric]:
        """How many modes are captured, and how evenly."""
        return {"coverage": ModeCoverage(self.means, self.std)}

    def density(self, points: Tensor) -> Tensor:
        """The exact density of the mixture at points (N, 2): (N,), float64."""
        squared = (points.double()[:, None] - self.means).square().sum(2)  # (N, K)
        return (-squared / (2 * self.std**2)).exp().mean(1) / (2 * math.pi * self.std**2)


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
