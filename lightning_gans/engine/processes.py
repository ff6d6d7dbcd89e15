"""Work shared between processes: who takes what, how it comes together, and what one finds out for all."""

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


def share_of(count: int) -> tuple[int, int]:
    """The contiguous share of this process: first and one past the last; the last shares may be short or empty."""
    size = -(-count // world_size())
    begin = min(rank() * size, count)
    return begin, min(begin + size, count)


def gather_shares(rows: Tensor, count: int) -> Tensor:
    """Rows of all processes in order, on the CPU.

    Args:
        rows: Those of this process's share.
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
    return torch.cat(parts)[:count].cpu()


def first_process(work: Callable[[], Result]) -> Result:
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
