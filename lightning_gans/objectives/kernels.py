"""Positive definite kernels, as functions of inner products so that one tile of inner products serves them all."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import astuple, dataclass, is_dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError

MAX_MEDIAN_SAMPLES = 2048  # the median heuristic takes distances of at most this many


class Kernel(ABC):
    r"""A kernel ``k(x, y)`` that depends on ``x`` and ``y`` through ``x.y``, ``|x|^2`` and ``|y|^2`` alone.

    A subclass writes ``from_inner``; calling the kernel on two sets of vectors is then differentiable in both.
    """

    translation_invariant: ClassVar[bool] = False
    """Whether ``k(x + c, y + c) = k(x, y)``. Such a kernel is computed on centered vectors, because
    ``|x|^2 + |y|^2 - 2 x.y`` loses all its digits far from the origin."""
    translation_invariant_mmd: ClassVar[bool] = False
    """Whether moving all samples by one vector leaves the MMD as it is, though not the kernel; centered too."""

    @property
    def key(self) -> str | None:
        """What identifies the kernel from run to run: its class and parameters; None where they are not known."""
        return f"{type(self).__qualname__}{astuple(self)}" if is_dataclass(self) else None

    @abstractmethod
    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """The kernel matrix (N, M) from inner products (N, M), squared norms (N,) and (M,), and the dimension D."""

    def fit(self, samples: Tensor) -> "Kernel":
        """The kernel to use for such samples (N, D): itself, unless a parameter is chosen by the data."""
        return self

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The kernel matrix (N, M) of ``x`` (N, D) and ``y`` (M, D), differentiable in both."""
        if self.translation_invariant:
            center = y.detach().mean(0)
            x, y = x - center, y - center
        return self.from_inner(x @ y.T, x.square().sum(1), y.square().sum(1), x.shape[1])


def _above_zero(**parameter: float | Sequence[float]) -> tuple[float, ...]:
    """A parameter of a kernel, one number or several, checked."""
    ((name, given),) = parameter.items()
    values = tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)
    if not values or not all(value > 0 for value in values):
        raise ConfigError(name, given, "every one must be above 0, and there must be one at least")
    return values


@dataclass(frozen=True)
class LinearKernel(Kernel):
    r"""``k(x, y) = x.y``: the MMD is then the distance of the means.

    Example:
        >>> LinearKernel()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[11.]])
    """

    translation_invariant_mmd: ClassVar[bool] = True

    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """The inner products."""
        return inner


@dataclass(frozen=True)
class PolynomialKernel(Kernel):
    r"""``k(x, y) = (gamma x.y + offset)^degree``.

    The defaults are the kernel of the Kernel Inception Distance, ``(x.y / D + 1)^3``
    (Binkowski et al. 2018, arXiv:1801.01401, section 3).

    Args:
        degree: Degree, at least 1.
        gamma: Factor of the inner product; ``None`` is 1 / D.
        offset: Added constant, at least 0.

    Raises:
        ConfigError: The kernel would not be positive definite.

    Example:
        >>> PolynomialKernel()(torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 0.0]]))
        tensor([[8.]])
    """

    degree: int = 3
    gamma: float | None = None
    offset: float = 1.0

    def __post_init__(self) -> None:
        if self.degree < 1:
            raise ConfigError("degree", self.degree, "a polynomial kernel needs a degree of at least 1")
        if self.offset < 0:
            hint = "a negative offset gives no positive definite kernel; use 0 or more"
            raise ConfigError("offset", self.offset, hint)

    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """(gamma x.y + offset)^degree."""
        gamma = 1.0 / dim if self.gamma is None else self.gamma
        base = inner * gamma + self.offset
        power = base
        for _ in range(self.degree - 1):  # products are several times faster than pow on a CPU
            power = power * base
        return power


@dataclass(frozen=True, init=False)
class GaussianKernel(Kernel):
    r"""``k(x, y) = sum_s exp(-|x - y|^2 / (2 s^2))`` over one bandwidth ``s`` or several.

    A sum over bandwidths: Li et al. 2017, arXiv:1705.08584, section 3.

    Args:
        bandwidth: One bandwidth or a sequence, each above 0, in the units of the vectors.

    Raises:
        ConfigError: There is no bandwidth, or one is not above 0.

    Example:
        >>> GaussianKernel(1.0)(torch.zeros(1, 2), torch.ones(1, 2))
        tensor([[0.3679]])
        >>> GaussianKernel([2.0, 4.0])
        GaussianKernel(bandwidths=(2.0, 4.0))
    """

    translation_invariant: ClassVar[bool] = True
    bandwidths: tuple[float, ...]

    def __init__(self, bandwidth: float | Sequence[float]) -> None:
        object.__setattr__(self, "bandwidths", _above_zero(bandwidth=bandwidth))

    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """sum_s exp(-|x - y|^2 / (2 s^2))."""
        squared = (x_squared[:, None] + y_squared - 2 * inner).clamp_min(0)
        first, *others = (torch.exp(squared * (-0.5 / value**2)) for value in self.bandwidths)
        return sum(others, start=first)


@dataclass(frozen=True, init=False)
class RationalQuadraticKernel(Kernel):
    r"""``k(x, y) = sum_a (1 + |x - y|^2 / (2 a))^(-a)`` over one exponent ``a`` or several: tails as of a power.

    The defaults are those of Binkowski et al. 2018, arXiv:1801.01401, section 2.1. A mixture of Gaussian kernels of all
    bandwidths, so none has to be chosen, and gradients do not vanish between sets that are far apart.

    Args:
        exponent: One exponent or a sequence, each above 0.

    Raises:
        ConfigError: There is no exponent, or one is not above 0.

    Example:
        >>> RationalQuadraticKernel(1.0)(torch.zeros(1, 2), torch.ones(1, 2))
        tensor([[0.5000]])
    """

    translation_invariant: ClassVar[bool] = True
    exponents: tuple[float, ...]

    def __init__(self, exponent: float | Sequence[float] = (0.2, 0.5, 1.0, 2.0, 5.0)) -> None:
        object.__setattr__(self, "exponents", _above_zero(exponent=exponent))

    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """sum_a (1 + |x - y|^2 / (2 a))^(-a)."""
        squared = (x_squared[:, None] + y_squared - 2 * inner).clamp_min(0)
        first, *others = ((1 + squared / (2 * value)) ** -value for value in self.exponents)
        return sum(others, start=first)


@dataclass(frozen=True, init=False)
class MedianGaussianKernel(Kernel):
    r"""Gaussian kernel whose bandwidth is the median distance between samples, times each of ``scales``.

    The median heuristic: Gretton et al. 2012, JMLR 13, section 8. In a metric the median is that of the real
    samples, so that two generators are compared by the same kernel; in a permutation test, and when the kernel is
    called on two sets, it is that of the pooled samples.

    Args:
        scales: Multiples of the median, each above 0.

    Example:
        >>> MedianGaussianKernel().fit(torch.tensor([[0.0], [1.0], [3.0]]))
        GaussianKernel(bandwidths=(2.0,))
    """

    translation_invariant: ClassVar[bool] = True
    scales: tuple[float, ...]

    def __init__(self, scales: Sequence[float] = (1.0,)) -> None:
        object.__setattr__(self, "scales", _above_zero(scales=scales))

    def fit(self, samples: Tensor) -> GaussianKernel:
        """The Gaussian kernel with the median distance of ``samples`` (N, D) as bandwidth."""
        median = median_distance(samples)
        if not median > 0:
            hint = "the median distance is 0, as half the samples coincide; give a bandwidth"
            raise ConfigError("samples", median, hint)
        return GaussianKernel([scale * median for scale in self.scales])

    def from_inner(self, inner: Tensor, x_squared: Tensor, y_squared: Tensor, dim: int) -> Tensor:
        """Not defined: the bandwidth depends on the samples. Use ``fit(samples).from_inner``."""
        raise TypeError("MedianGaussianKernel has no bandwidth yet: call fit(samples) and use the kernel it returns")

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The kernel matrix (N, M) with the median of the pooled samples, which is a constant to the gradient."""
        return self.fit(torch.cat([x, y]).detach())(x, y)


@torch.no_grad()
def median_distance(samples: Tensor) -> float:
    """Median Euclidean distance between two different samples (N, D), in their units.

    Beyond 2,048 samples it is that of 2,048 of them, evenly spaced in the order of their distance to the mean: a
    choice that depends neither on the order of the samples nor on any random generator.

    Raises:
        ConfigError: There are fewer than two samples.

    Example:
        >>> median_distance(torch.tensor([[0.0], [1.0], [3.0]]))
        2.0
    """
    if len(samples) < 2:
        raise ConfigError("samples", len(samples), "the median distance needs at least two samples")
    samples = samples.double()
    samples = samples - samples.mean(0)
    if len(samples) > MAX_MEDIAN_SAMPLES:
        order = samples.square().sum(1).argsort(stable=True)
        spaced = torch.arange(MAX_MEDIAN_SAMPLES, device=order.device) * len(samples) // MAX_MEDIAN_SAMPLES
        samples = samples[order[spaced]]
    return float(torch.nn.functional.pdist(samples).median())
