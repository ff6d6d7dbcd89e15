"""Several processes: the slice of each, how results come together, and the exchange of gradients.

Only the gradients of the player at its turn travel, once per update.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn

from lightning_gans.engine.ema import batch_norms

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
    """The ``count`` rows of all processes in order, on the CPU, of those of this process's slice."""
    if world_size() == 1:
        return rows.cpu()
    if dist.get_backend() == "nccl":
        rows = rows.cuda()  # NCCL exchanges nothing else
    padded = rows.new_zeros(-(-count // world_size()), *rows.shape[1:])
    padded[: len(rows)] = rows
    sizes = [_bound(count, index + 1) - _bound(count, index) for index in range(world_size())]
    return torch.cat([part[:size] for part, size in zip(_all_gather(padded), sizes, strict=True)]).cpu()


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of the global batch, row j of process r at ``j * world_size + r``, as a distributed sampler deals them.

    All processes have as many.
    """
    return rows if world_size() == 1 else torch.stack(_all_gather(rows.contiguous()), dim=1).flatten(0, 1)


def _bound(count: int, index: int) -> int:
    """Where the slice of a process begins."""
    return index * count // world_size()


def _all_gather(rows: Tensor) -> list[Tensor]:
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows)
    return parts


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


def no_sync(strategy: Strategy) -> AbstractContextManager[None]:
    """Keep the strategy from synchronizing in ``backward``.

    ``DistributedDataParallel`` would wait for gradients of the players that are not updated, which never come.
    """
    return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()


def all_reduce_mean(parameters: Sequence[nn.Parameter], statistics: Sequence[Tensor] = ()) -> None:
    """Replace gradients and batch statistics by their means over all processes: one all-reduce per dtype and device.

    A parameter without a gradient on this process counts as zero: the processes must agree on what they exchange,
    whatever each of them happened to use. Call it before the gradients are unscaled, clipped or applied, with the same
    order on every process.
    """
    if world_size() == 1:
        return
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    zero_missing_gradients(parameters)
    for tensor in (*(p.grad for p in parameters if p.grad is not None), *statistics):
        groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for tensors in groups.values():
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= world_size()
        pieces = flat.split([t.numel() for t in tensors])
        torch._foreach_copy_(tensors, [piece.view_as(t) for piece, t in zip(pieces, tensors, strict=True)])


def zero_missing_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give a gradient of zero to parameters that have none."""
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)


def batch_norm_buffers(modules: Iterable[nn.Module]) -> list[Tensor]:
    """The running means and variances of batch norm.

    Under manual optimization ``DistributedDataParallel`` does not keep them equal, so each process would sample with
    statistics of its own, and a resumed run with those of the first.
    """
    layers = {id(layer): layer for module in modules for layer in batch_norms(module)}
    found = [tensor for layer in layers.values() for tensor in (layer.running_mean, layer.running_var)]
    return [tensor for tensor in found if tensor is not None]
