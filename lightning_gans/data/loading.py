"""A loader whose order is a function of (seed, epoch) and that goes on where training stopped."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, DistributedSampler

from lightning_gans.errors import ConfigError


class SeededDistributedSampler(DistributedSampler[Any]):
    """Rows of an endless sequence of shuffled epochs: row ``epoch * N + i`` is item i in that epoch.

    The processes deal an epoch's order out row by row, so that together they see the batches that one process would
    see. What does not fill a batch on every process is left out.

    Attributes:
        first: Number of the batch in the sequence with which the next pass begins; None for the first of ``epoch``.
    """

    def __init__(
        self, dataset: Dataset[Any], batch_size: int, world_size: int = 1, rank: int = 0, seed: int = 0
    ) -> None:
        super().__init__(dataset, world_size, rank, shuffle=True, seed=seed, drop_last=True)
        self.batch_size, self.batches = batch_size, self.num_samples // batch_size
        self.first: int | None = None

    def __len__(self) -> int:
        return self.batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        epoch, skipped = (self.epoch, 0) if self.first is None else divmod(self.first, self.batches)
        start = skipped * self.batch_size
        yield from self._rows(epoch)[start:]
        if start:
            yield from self._rows(epoch + 1)[:start]

    def _rows(self, epoch: int) -> list[int]:
        self.epoch, before = epoch, self.epoch
        order = list(super().__iter__())[: len(self)]
        self.epoch = before
        count = len(self.dataset)  # type: ignore[arg-type] # torch's Dataset declares no length
        return [epoch * count + row for row in order]


class StatefulDataLoader(DataLoader[Any]):
    """Batches that follow what was trained on, not what was loaded, where a ``SeededDistributedSampler`` orders them.

    Each pass begins behind the batches that the trainer has processed in all, whatever workers have loaded ahead and
    whatever Lightning takes for an epoch: it counts one too many where a run was stopped at its end, and a run that
    goes on must not skip or repeat anything for that. Nothing that is skipped is loaded. The mistake that a worker
    found instead of a batch is raised.
    """

    processed: Callable[[], int] | None = None
    """How many batches the trainer has processed in all; None without a trainer, where ``set_epoch`` decides."""
    _ahead = 0  # of what `processed` says: batches of another size were trained on before

    def state_dict(self) -> dict[str, int]:
        """Epoch of the order, and the rows of it that all processes together have consumed."""
        if (sampler := self._seeded_sampler()) is None:
            return {}
        epoch, batch = divmod(self._position(), sampler.batches)
        return {"epoch": epoch, "rows": batch * sampler.batch_size * sampler.num_replicas}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on there, with the next whole batch if their size has changed."""
        sampler = self._seeded_sampler()
        if sampler is None or not state_dict:
            return
        batch = -(-state_dict["rows"] // (sampler.batch_size * sampler.num_replicas))
        self._ahead += state_dict["epoch"] * sampler.batches + min(batch, sampler.batches) - self._position()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override] # torch's class, which has the same one method
        sampler = self._seeded_sampler()
        if sampler is not None and self.processed is not None:
            sampler.first = self._position()
        return map(_or_raise, super().__iter__())

    def _position(self) -> int:
        return self._ahead + (self.processed() if self.processed is not None else 0)

    def _seeded_sampler(self) -> SeededDistributedSampler | None:
        """None under ``overfit_batches``, for which Lightning takes the first batches in their own order."""
        return self.sampler if isinstance(self.sampler, SeededDistributedSampler) else None


def _or_raise(batch: Any) -> Any:
    if isinstance(batch, ConfigError):
        raise batch
    return batch
