"""Gradient exchange between processes: only the gradients of the player at its turn travel, once per update."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn


@contextmanager
def no_sync(strategy: Strategy) -> Iterator[None]:
    """Keep the strategy from synchronizing in ``backward``.

    ``DistributedDataParallel`` would wait for gradients of the players that are not updated, which never come.
    """
    if not isinstance(strategy, ParallelStrategy):
        yield
        return
    with strategy.block_backward_sync():
        yield


def all_reduce_mean(parameters: Sequence[nn.Parameter], statistics: Sequence[Tensor] = ()) -> None:
    """Replace gradients and batch statistics by their means over all processes: one all-reduce per dtype and device.

    A parameter without a gradient on this process counts as zero: the processes must agree on what they exchange,
    whatever each of them happened to use. Call it before the gradients are unscaled, clipped or applied.

    Args:
        parameters: The player's parameters, in the same order on every process.
        statistics: Running statistics that every process estimated on its own batches; see ``batch_norm_buffers``.
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        groups.setdefault((p.grad.dtype, p.grad.device), []).append(p.grad)
    for statistic in statistics:
        groups.setdefault((statistic.dtype, statistic.device), []).append(statistic)
    for tensors in groups.values():
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        pieces = flat.split([t.numel() for t in tensors])
        torch._foreach_copy_(tensors, [piece.view_as(t) for piece, t in zip(pieces, tensors, strict=True)])


def batch_norm_buffers(modules: Iterable[nn.Module]) -> list[Tensor]:
    """The running means and variances of batch norm.

    Under manual optimization ``DistributedDataParallel`` does not keep them equal, so each process would sample with
    statistics of its own, and a resumed run with those of the first.
    """
    layers = {
        id(layer): layer
        for module in modules
        for layer in module.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats
    }
    found = [tensor for layer in layers.values() for tensor in (layer.running_mean, layer.running_var)]
    return [tensor for tensor in found if tensor is not None]
