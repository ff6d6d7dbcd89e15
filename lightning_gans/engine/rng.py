"""Randomness as a function of seed and step: the same on any number of processes, and after a resume.

Each draw has a coordinate (seed, step, player, draw). Its generator is seeded from a hash of that coordinate, draws
for the *global* batch, and each process keeps its own rows. So N processes train on exactly the noise that one
process would use, and a resumed run continues with the noise that an uninterrupted one would have seen.
"""

import hashlib
import struct

import torch
from torch import Tensor

from lightning_gans.engine.priors import Distribution


def fold_in(*coordinates: int) -> int:
    """Hash integers to one seed: neighbors give unrelated streams, and the result is the same on every platform.

    Example:
        >>> fold_in(0, 1) == fold_in(0, 1), fold_in(0, 1) == fold_in(1, 0)
        (True, False)
    """
    packed = struct.pack(f"<{len(coordinates)}q", *((c + 2**63) % 2**64 - 2**63 for c in coordinates))
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") >> 1


class StepRNG:
    """The random numbers of a game: one stream per (seed, step, player, draw), shared by all processes."""

    def __init__(self, seed: int, rank: int = 0, world_size: int = 1, micro_batches: int = 1) -> None:
        self.seed, self.rank, self.world_size, self.micro_batches = seed, rank, world_size, micro_batches
        self.seek(0, 0)

    def seek(self, step: int, player: int, micro_batch: int = 0, update: int = 0) -> None:
        """Go to the first draw of a micro-batch of an update; ``update`` counts those of one player in one step."""
        self._position = (step, player)
        self._micro_batch, self._update, self._draws = micro_batch, update, 0

    def rand(self, distribution: Distribution, n: int, *shape: int, device: torch.device) -> Tensor:
        """This process's rows of the next draw.

        Of the present micro-batch: (n, *shape). Row j of process r is row ``j * world_size + r`` of the global batch,
        as a distributed sampler deals samples.
        """
        update = (self._update,) if self._update else ()
        seed = fold_in(self.seed, *self._position, self._draws, *update)
        generator = torch.Generator(device).manual_seed(seed)
        self._draws += 1
        rows = distribution(n * self.micro_batches * self.world_size, *shape, generator=generator, device=device)
        return rows[self.rank :: self.world_size][self._micro_batch * n : (self._micro_batch + 1) * n]

    def seed_all(self, step: int, device: torch.device, *, loading: bool = False) -> None:
        """Seed torch's own generators for a step, or for loading its batch, before the step itself begins.

        So dropout and augmentation resume too; ranks differ.
        """
        seed = fold_in(self.seed, step, -1 - self.rank, int(loading))
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)


_CPU = torch.device("cpu")
_BLOCK = 64  # rows drawn from one generator; part of the definition: changing it changes every sample


def rows_from_index(distribution: Distribution, seed: int, start: int, stop: int, *shape: int) -> Tensor:
    """Rows ``start`` to ``stop`` of ``rows_at``'s table: (stop - start, *shape)."""
    return rows_at(distribution, seed, torch.arange(start, stop), *shape)


def rows_at(distribution: Distribution, seed: int, index: Tensor, *shape: int) -> Tensor:
    """Rows (n, *shape) of an endless table of random rows by their numbers (n,), in any order.

    Row i depends on (seed, i) alone, so any split of the rows over batches or processes gives the same rows. Drawn on
    the CPU: the same everywhere.

    Example:
        >>> whole = rows_from_index(torch.randn, 0, 0, 200, 3)
        >>> torch.equal(whole[90:130], rows_from_index(torch.randn, 0, 90, 130, 3))
        True
        >>> torch.equal(whole[[150, 3, 4]], rows_at(torch.randn, 0, torch.tensor([150, 3, 4]), 3))
        True
    """
    blocks, places = (index.cpu() // _BLOCK).unique(return_inverse=True)
    drawn = [
        distribution(_BLOCK, *shape, generator=torch.Generator().manual_seed(fold_in(seed, block)), device=_CPU)
        for block in blocks.tolist()
    ]
    return torch.stack(drawn)[places, index.cpu() % _BLOCK] if drawn else torch.empty(0, *shape)
