"""Work of several processes: the slice of each, how results come together, and what one of them finds out for all."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Result = TypeVar("Result")


def world_size() -> int:
    """Number of processes; 1 outside distributed training."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process; 0 outside distributed training."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def rank_slice(count: int) -> tuple[int, int]:
    """The contiguous slice of this process: first and one past the last; slices differ by one at most."""
    return _bound(count, rank()), _bound(count, rank() + 1)


def gather_slices(rows: Tensor, count: int) -> Tensor:
    """Rows of all processes in order, on the CPU.

    Args:
        rows: Those of this process's slice.
        count: Number of rows of all processes together.
    """
    if world_size() == 1:
        return rows.cpu()
    if dist.get_backend() == "nccl":
        rows = rows.cuda()  # NCCL exchanges nothing else
    padded = rows.new_zeros(-(-count // world_size()), *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(world_size())]
    dist.all_gather(parts, padded)
    sizes = [_bound(count, index + 1) - _bound(count, index) for index in range(world_size())]
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)]).cpu()


def _bound(count: int, index: int) -> int:
    """Where the slice of a process begins."""
    return index * count // world_size()


def on_rank_zero(work: Callable[[], Result]) -> Result:
    """Let the first process work; all get its result, or its error: none is left waiting."""
    if world_size() == 1:
        return work()
    payload: list[Any] = [None, None]
    if rank() == 0:
        try:
            payload = [work(), None]
        except Exception as error:
            payload = [None, error]
    dist.broadcast_object_list(payload, src=0)
    if payload[1] is not None:
        raise payload[1]
    result: Result = payload[0]
    return result


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of the global batch, row j of process r at ``j * world_size + r``, as a distributed sampler deals them.

    Args:
        rows: Those of this process, as many as on any other.
    """
    if world_size() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)
