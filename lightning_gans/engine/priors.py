"""Distributions of latents."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError


class Distribution(Protocol):
    """A distribution to draw from: called like ``torch.randn`` or ``torch.rand``."""

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """A tensor of that size with independent entries."""


class Prior(ABC):
    """The distribution of the latents; an object, so that a recipe can name it."""

    @abstractmethod
    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents of that size."""

    @abstractmethod
    def truncate(self, bound: float) -> "Prior":
        """The same distribution, conditioned on every entry lying within ``bound`` of the center."""

    def quantile(self, p: Tensor) -> Tensor | None:
        """Values below which an entry lies with probabilities p, of their shape; None where entries are not alike."""
        return None

    def interpolate(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """A path (S, Z) between two latents (Z,) through latents like them, at positions t in [0, 1], (S, 1).

        Here along the great circle through both: a straight line would pass through latents shorter than any normal
        ones (White 2016, arXiv:1609.04468).
        """
        return slerp(start, end, t)


class Normal(Prior):
    """Standard normal latents, z ~ N(0, I); optionally each entry conditioned on |z| <= bound.

    Truncation trades diversity for quality (the truncation trick, Brock et al. 2019, arXiv:1809.11096, section 3.1).

    Args:
        bound: Largest absolute value of an entry, in standard deviations; None for no truncation.

    Example:
        >>> z = Normal(bound=0.5)(1000, 2, generator=torch.Generator().manual_seed(0), device=torch.device("cpu"))
        >>> z.shape, bool(z.abs().max() <= 0.5)
        (torch.Size([1000, 2]), True)
    """

    def __init__(self, bound: float | None = None) -> None:
        if bound is not None and bound <= 0:
            raise ConfigError("truncation", bound, "must be positive (in standard deviations)")
        self.bound = bound

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents of that size."""
        if self.bound is None:
            return torch.randn(*size, generator=generator, device=device)
        # By the inverse of the distribution function: one uniform per entry, whatever the bound.
        mass = torch.erf(torch.tensor(self.bound / 2**0.5, device=device))
        uniform = torch.rand(*size, generator=generator, device=device) * 2 - 1
        return (torch.erfinv(uniform * mass) * 2**0.5).clamp(-self.bound, self.bound)

    def quantile(self, p: Tensor) -> Tensor:
        """The inverse of the (truncated) normal distribution function."""
        mass = 1.0 if self.bound is None else math.erf(self.bound / 2**0.5)
        return torch.erfinv((2 * p - 1) * mass) * 2**0.5

    def truncate(self, bound: float) -> "Normal":
        """The same, each entry conditioned on |z| <= bound."""
        return Normal(bound)


class Uniform(Prior):
    """Latents uniform on [low, high), as in DCGAN (Radford et al. 2016, arXiv:1511.06434).

    Args:
        low: Lower end of the range.
        high: Upper end of the range.

    Example:
        >>> z = Uniform()(1000, 2, generator=torch.Generator().manual_seed(0), device=torch.device("cpu"))
        >>> bool(z.min() >= -1), bool(z.max() < 1)
        (True, True)
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        if low >= high:
            raise ConfigError("prior.low", low, f"must lie below prior.high={high!r}")
        self.low, self.high = low, high

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents of that size."""
        return torch.rand(*size, generator=generator, device=device) * (self.high - self.low) + self.low

    def quantile(self, p: Tensor) -> Tensor:
        """So far along the range."""
        return self.low + p * (self.high - self.low)

    def truncate(self, bound: float) -> "Uniform":
        """The same, conditioned on lying within ``bound`` of the center of the range."""
        center, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        if not bound > 0:
            raise ConfigError("truncation", bound, "must be positive")
        return Uniform(center - min(bound, half), center + min(bound, half))

    def interpolate(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """The straight line, which does not leave the cube."""
        return torch.lerp(start, end, t)


class InfoGANPrior(Prior):
    """Latents that say something: z = (noise, one-hot codes, continuous codes), the codes uniform.

    Chen et al. 2016, arXiv:1606.03657, section 5: a code c_k ~ Cat(K, 1 / K) is a one-hot vector of K numbers, a
    continuous code is one number, c ~ Unif(-1, 1). What the codes leave of the size asked for is noise.

    Args:
        categorical: Number of categories K of each categorical code.
        num_continuous: Number of continuous codes.
        noise: Distribution of the noise; standard normal when None.
        bound: Largest absolute value of a continuous code.

    Raises:
        ConfigError: A number is impossible, or latents are asked for that have no room for the codes.

    Example:
        >>> prior = InfoGANPrior(categorical=[3], num_continuous=1)
        >>> z = prior(5, 6, generator=torch.Generator().manual_seed(0), device=torch.device("cpu"))
        >>> [part.shape for part in prior.split(z)], z[:, 2:5].sum(1)
        ([torch.Size([5, 2]), torch.Size([5, 3]), torch.Size([5, 1])], tensor([1., 1., 1., 1., 1.]))
    """

    def __init__(
        self,
        categorical: Sequence[int] = (10,),
        num_continuous: int = 2,
        noise: Prior | None = None,
        bound: float = 1.0,
    ) -> None:
        if any(count < 2 for count in categorical):
            raise ConfigError("categorical_codes", list(categorical), "a categorical code needs 2 or more categories")
        if num_continuous < 0:
            raise ConfigError("num_continuous_codes", num_continuous, "must be 0 or more codes")
        self.categorical, self.num_continuous = tuple(categorical), num_continuous
        self.noise, self.codes = noise if noise is not None else Normal(), Uniform(-bound, bound)

    def split_sizes(self, latent_dim: int) -> list[int]:
        """The sizes of the parts: noise, each categorical code, all continuous codes together."""
        codes = [*self.categorical, self.num_continuous]
        if latent_dim < sum(codes):
            raise ConfigError("latent_dim", latent_dim, f"the codes alone take {sum(codes)}; the rest is noise")
        return [latent_dim - sum(codes), *codes]

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """Noise, each categorical code and all continuous codes of latents (N, Z)."""
        return tuple(z.split(self.split_sizes(z.shape[1]), dim=1))

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents (N, Z)."""
        n, latent_dim = size
        noise = self.noise(n, self.split_sizes(latent_dim)[0], generator=generator, device=device)
        drawn = [torch.randint(count, (n,), generator=generator, device=device) for count in self.categorical]
        hot = [F.one_hot(code, count).to(noise.dtype) for code, count in zip(drawn, self.categorical, strict=True)]
        return torch.cat([noise, *hot, self.codes(n, self.num_continuous, generator=generator, device=device)], dim=1)

    def truncate(self, bound: float) -> "InfoGANPrior":
        """The same, noise and continuous codes each conditioned as their own distributions are."""
        within = min(bound, self.codes.high)
        return InfoGANPrior(self.categorical, self.num_continuous, self.noise.truncate(bound), within)

    def interpolate(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """Noise and continuous codes go from one to the other; categories, of which there is no half, stay."""
        (noise, *hot, codes), (end_noise, *_, end_codes) = self.split(start[None]), self.split(end[None])
        noise, codes = self.noise.interpolate(noise[0], end_noise[0], t), torch.lerp(codes[0], end_codes[0], t)
        return torch.cat([noise, *(code.expand(len(t), -1) for code in hot), codes], dim=1)

    def traversal(self, z: Tensor) -> Tensor:
        """What shows the codes' meaning: a row for each category of the first, columns along each continuous one.

        All with the noise and the other categories of the first latent, and continuous codes at 0 where they are not
        gone along. Where there are no categorical or no continuous codes, other noise takes their place. From latents
        (K, Z) to latents (rows, K max(1, number of continuous codes), Z).
        """
        steps = len(z)
        noise, *hot, codes = self.split(z)
        rows, columns = self.categorical[0] if hot else steps, steps * max(1, self.num_continuous)
        grid = [part[:1].expand(rows, columns, -1).clone() for part in (noise, *hot, torch.zeros_like(codes))]
        if hot:
            grid[1][:] = torch.eye(rows)[:, None]
        else:
            grid[0][:] = noise[:, None]
        if self.num_continuous:
            along = torch.linspace(self.codes.low, self.codes.high, steps)[:, None]
            grid[-1][:] = torch.block_diag(*[along] * self.num_continuous)
        else:
            grid[0][:] = noise[None]
        return torch.cat(grid, dim=2)


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation between vectors (Z,) (Shoemake 1985), with their lengths joined along: (S, Z).

    ``t`` are positions in [0, 1], (S, 1).

    Example:
        >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([[0.5]]))
        tensor([[0.7071, 0.7071]])
    """
    cosine = F.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-4:
        return torch.lerp(start, end, t)
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
