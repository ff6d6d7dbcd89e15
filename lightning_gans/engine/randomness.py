"""Randomness as a function of seed and step: the same on any number of processes, and after a resume.

Each draw has a coordinate (seed, step, move, draw). Its generator is seeded from a hash of that coordinate, draws
for the *global* batch, and each process keeps its own rows. So N processes train on exactly the noise that one
process would use, and a resumed run continues with the noise that an uninterrupted one would have seen.
"""

import hashlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError


class Draw(Protocol):
    """A distribution to draw from: called like ``torch.randn`` or ``torch.rand``."""

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """A tensor of that size with independent entries."""
        ...


class Prior(ABC):
    """The distribution of the latents; an object, so that a recipe can name it."""

    @abstractmethod
    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents of that size."""

    @abstractmethod
    def truncate(self, bound: float) -> "Prior":
        """The same distribution, conditioned on every entry lying within ``bound`` of the center."""

    def join(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """A path between two latents through latents like them: here along the great circle through both.

        A straight line would pass through latents shorter than any normal ones (White 2016, arXiv:1609.04468).

        Args:
            start: (Z,).
            end: (Z,).
            t: Positions (S, 1), in [0, 1].

        Returns:
            (S, Z).
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

    def truncate(self, bound: float) -> "Uniform":
        """The same, conditioned on lying within ``bound`` of the center of the range."""
        center, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        if not bound > 0:
            raise ConfigError("truncation", bound, "must be positive")
        return Uniform(center - min(bound, half), center + min(bound, half))

    def join(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """The straight line, which does not leave the cube."""
        return torch.lerp(start, end, t)


class Codes(Prior):
    """Latents that say something: z = (noise, one-hot codes, continuous codes), the codes uniform.

    Chen et al. 2016, arXiv:1606.03657, section 5: a code c_k ~ Cat(K, 1 / K) is a one-hot vector of K numbers, a
    continuous code is one number, c ~ Unif(-1, 1). What the codes leave of the size asked for is noise.

    Args:
        categories: Number of categories K of each categorical code.
        continuous: Number of continuous codes.
        noise: Distribution of the noise; standard normal when None.
        bound: Largest absolute value of a continuous code.

    Raises:
        ConfigError: A number is impossible, or latents are asked for that have no room for the codes.

    Example:
        >>> prior = Codes(categories=[3], continuous=1)
        >>> z = prior(5, 6, generator=torch.Generator().manual_seed(0), device=torch.device("cpu"))
        >>> [part.shape for part in prior.parts(z)], z[:, 2:5].sum(1)
        ([torch.Size([5, 2]), torch.Size([5, 3]), torch.Size([5, 1])], tensor([1., 1., 1., 1., 1.]))
    """

    def __init__(
        self, categories: Sequence[int] = (10,), continuous: int = 2, noise: Prior | None = None, bound: float = 1.0
    ) -> None:
        if any(count < 2 for count in categories):
            raise ConfigError("categories", list(categories), "a categorical code needs 2 or more categories")
        if continuous < 0:
            raise ConfigError("continuous", continuous, "must be 0 or more codes")
        self.categories, self.continuous = tuple(categories), continuous
        self.noise, self.codes = noise if noise is not None else Normal(), Uniform(-bound, bound)

    def sizes(self, latent_dim: int) -> list[int]:
        """The sizes of the parts: noise, each categorical code, all continuous codes together."""
        codes = [*self.categories, self.continuous]
        if latent_dim < sum(codes):
            raise ConfigError("latent_dim", latent_dim, f"the codes alone take {sum(codes)}; the rest is noise")
        return [latent_dim - sum(codes), *codes]

    def parts(self, z: Tensor) -> tuple[Tensor, ...]:
        """Noise, each categorical code and all continuous codes of latents (N, Z)."""
        found: tuple[Tensor, ...] = z.split(self.sizes(z.shape[1]), dim=1)
        return found

    def __call__(self, *size: int, generator: torch.Generator, device: torch.device) -> Tensor:
        """Draw latents (N, Z)."""
        n, latent_dim = size
        spare = self.sizes(latent_dim)[0]
        noise = self.noise(n, spare, generator=generator, device=device)
        drawn = [torch.randint(count, (n,), generator=generator, device=device) for count in self.categories]
        hot = [F.one_hot(code, count).to(noise.dtype) for code, count in zip(drawn, self.categories, strict=True)]
        return torch.cat([noise, *hot, self.codes(n, self.continuous, generator=generator, device=device)], dim=1)

    def truncate(self, bound: float) -> "Codes":
        """The same, noise and continuous codes each conditioned as their own distributions are."""
        within = min(bound, self.codes.high)
        return Codes(self.categories, self.continuous, self.noise.truncate(bound), within)

    def join(self, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
        """Noise and continuous codes go from one to the other; categories, of which there is no half, stay."""
        (noise, *hot, codes), (end_noise, *_, end_codes) = self.parts(start[None]), self.parts(end[None])
        joined = self.noise.join(noise[0], end_noise[0], t), self.codes.join(codes[0], end_codes[0], t)
        return torch.cat([joined[0], *(code.expand(len(t), -1) for code in hot), joined[1]], dim=1)

    def traversal(self, z: Tensor) -> Tensor:
        """What shows the codes' meaning: a row for each category of the first, columns along each continuous one.

        All with the noise and the other categories of the first latent, and continuous codes at 0 where they are not
        gone along. Where there are no categories, or no continuous codes, other noise takes their place.

        Args:
            z: Some latents (K, Z).

        Returns:
            Latents (rows, K max(1, number of continuous codes), Z).
        """
        steps = len(z)
        noise, *hot, codes = self.parts(z)
        rows, columns = self.categories[0] if hot else steps, steps * max(1, self.continuous)
        grid = [part[:1].expand(rows, columns, -1).clone() for part in (noise, *hot, torch.zeros_like(codes))]
        if hot:
            grid[1][:] = torch.eye(rows)[:, None]
        else:
            grid[0][:] = noise[:, None]
        if self.continuous:
            along = torch.linspace(self.codes.low, self.codes.high, steps)[:, None]
            grid[-1][:] = torch.block_diag(*[along] * self.continuous)
        else:
            grid[0][:] = noise[None]
        return torch.cat(grid, dim=2)


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation between vectors (Shoemake 1985), with their lengths joined along.

    Args:
        start: (Z,).
        end: (Z,).
        t: Positions (steps, 1), in [0, 1].

    Example:
        >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([[0.5]]))
        tensor([[0.7071, 0.7071]])
    """
    cosine = F.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-4:
        return torch.lerp(start, end, t)
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)


def mix(*coordinates: int) -> int:
    """Hash integers to one seed: neighbors give unrelated streams, and the result is the same on every platform.

    Example:
        >>> mix(0, 1) == mix(0, 1), mix(0, 1) == mix(1, 0)
        (True, False)
    """
    packed = struct.pack(f"<{len(coordinates)}q", *((c + 2**63) % 2**64 - 2**63 for c in coordinates))
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") >> 1


@dataclass
class Randomness:
    """The random numbers of a game: one stream per (seed, step, move, draw), shared by all processes.

    Args:
        seed: The run's seed.
        rank: Index of this process.
        world_size: Number of processes.
        chunks: Number of equal chunks in which a batch is processed (gradient accumulation).
    """

    seed: int
    rank: int = 0
    world_size: int = 1
    chunks: int = 1
    _position: tuple[int, int, int] = field(default=(0, 0, 0), init=False)
    _draws: int = field(default=0, init=False)

    def seek(self, step: int, move: int, chunk: int = 0) -> None:
        """Go to the first draw of a chunk of a move of a step."""
        self._position = (step, move, chunk)
        self._draws = 0

    def rand(self, draw: Draw, n: int, *shape: int, device: torch.device) -> Tensor:
        """This process's rows of the next draw.

        Row j of process r is row ``j * world_size + r`` of the global batch, as a distributed sampler deals samples.

        Args:
            draw: The distribution.
            n: Number of rows for the current chunk of this process.
            shape: Shape of a row.
            device: Where to draw.

        Returns:
            A tensor (n, *shape).
        """
        step, move, chunk = self._position
        generator = torch.Generator(device).manual_seed(mix(self.seed, step, move, self._draws))
        self._draws += 1
        rows = draw(n * self.chunks * self.world_size, *shape, generator=generator, device=device)
        return rows[self.rank :: self.world_size][chunk * n : (chunk + 1) * n]

    def reseed_global(self, step: int, device: torch.device, *, loading: bool = False) -> None:
        """Seed torch's own generators for a step, so that dropout and augmentation resume too; ranks differ.

        Args:
            step: The step.
            device: Of the model.
            loading: For loading its batch, before the step itself begins.
        """
        seed = mix(self.seed, step, -1 - self.rank, int(loading))
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)


_BLOCK = 64  # rows drawn from one generator; part of the definition: changing it changes every sample


def indexed_draw(draw: Draw, seed: int, start: int, stop: int, *shape: int) -> Tensor:
    """Rows ``start`` to ``stop`` of an endless table of random rows: row i depends on (seed, i) alone.

    So any split of the rows over batches or processes gives the same rows. Drawn on the CPU: the same everywhere.

    Args:
        draw: The distribution.
        seed: Selects the table.
        start: First row.
        stop: One past the last row.
        shape: Shape of a row.

    Returns:
        A tensor (stop - start, *shape) on the CPU.

    Example:
        >>> whole = indexed_draw(torch.randn, 0, 0, 200, 3)
        >>> torch.equal(whole[90:130], indexed_draw(torch.randn, 0, 90, 130, 3))
        True
    """
    if stop <= start:
        return torch.empty(0, *shape)
    first, cpu = start // _BLOCK, torch.device("cpu")
    blocks = [
        draw(_BLOCK, *shape, generator=torch.Generator().manual_seed(mix(seed, block)), device=cpu)
        for block in range(first, -(-stop // _BLOCK))
    ]
    return torch.cat(blocks)[start - first * _BLOCK : stop - first * _BLOCK]
