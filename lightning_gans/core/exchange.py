"""Gradient exchange between processes: only the moving player's gradients travel, once per move."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn


@contextmanager
def local_backward(strategy: Strategy) -> Iterator[None]:
    """Keep the strategy from synchronizing in ``backward``.

    ``DistributedDataParallel`` would wait for gradients of the players that stand still, which never come.
    """
    if not isinstance(strategy, ParallelStrategy):
        yield
        return
    with strategy.block_backward_sync():
        yield


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes: one flat all-reduce per dtype and device.

    A parameter without a gradient on this process counts as zero: the processes must agree on what they exchange,
    whatever each of them happened to use. Call it before the gradients are unscaled, clipped or applied.

    Args:
        parameters: The moving player's parameters, in the same order on every process.
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        groups.setdefault((p.grad.dtype, p.grad.device), []).append(p.grad)
    for grads in groups.values():
        flat = torch.cat([g.reshape(-1) for g in grads])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        pieces = flat.split([g.numel() for g in grads])
        torch._foreach_copy_(grads, [piece.view_as(g) for piece, g in zip(pieces, grads, strict=True)])
