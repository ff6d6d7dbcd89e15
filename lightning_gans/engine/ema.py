"""Exponential moving averages of weights, as samples, metrics and grids use them."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA(nn.Module):
    """Exponential moving averages of modules: w_ema <- d * w_ema + (1 - d) * w after each update of the owner.

    After n earlier updates d is at most n / (n + 9): the first one is copied, since what the networks were before they
    learned anything is no part of the average, and a young average looks back over a tenth of its life instead of
    remembering its beginnings (the ramp of TensorFlow's ``ExponentialMovingAverage``). Batch norm's
    running statistics belong to the weights that produced them, so averaged weights need their own: ``update_bn``
    re-estimates them, and is due after every update.

    Modules are named; they are copied, never changed.
    """

    num_updates: Tensor
    """Updates of each module so far, (modules,) int64."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        self._sources = dict(modules)  # in a dict, so that the sources do not become our submodules
        copies = {name: copy.deepcopy(module).requires_grad_(False) for name, module in modules.items()}
        self.averages = nn.ModuleDict(copies)
        self.register_buffer("num_updates", torch.zeros(len(copies), dtype=torch.int64))
        self._counts = dict.fromkeys(copies, 0)  # the same where reading them does not wait for the device
        self.estimated_for: object = None
        """What batch norm's statistics were last estimated for; None where that is due."""
        self.register_load_state_dict_post_hook(_count_on)  # type: ignore[no-untyped-call] # torch leaves it untyped

    def __getitem__(self, name: str) -> nn.Module:
        """The averaged copy of a module."""
        return self.averages[name]

    @torch.no_grad()
    def update(self, names: Iterable[str], decay: float) -> None:
        """Take one step towards the current weights of the modules whose owner has just been updated.

        Torch's ``AveragedModel`` would wait for the device twice.
        """
        for name in names:
            average, source, count = self.averages[name], self._sources[name], self._counts[name]
            averaged: list[Tensor] = list(average.parameters())
            current: list[Tensor] = list(source.parameters())
            torch._foreach_lerp_(averaged, current, 1 - min(decay, count / (count + 9)))
            if buffers := list(average.buffers()):
                torch._foreach_copy_(buffers, list(source.buffers()))
            self._counts[name] = count + 1
            self.num_updates[list(self._counts).index(name)] += 1
            self.estimated_for = None

    def restart(self, name: str) -> None:
        """Forget what a module was: its next update is copied as the very first one is."""
        self._counts[name] = 0
        self.num_updates[list(self._counts).index(name)] = 0


def _count_on(average: nn.Module, _: object) -> None:
    """After loading: go on from where that average was."""
    assert isinstance(average, EMA)
    average._counts = dict(zip(average._counts, average.num_updates.tolist(), strict=True))
    average.estimated_for = None


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Eval mode for a while; every submodule gets back the mode that it had."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def batch_norms(module: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The layers of a module that keep running statistics of their batches."""
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]


@torch.no_grad()
def update_bn(module: nn.Module, forward: Callable[[int], object], batches: Iterable[int]) -> None:
    """Re-estimate batch norm's running statistics under a module's present weights, as equal-weight averages.

    Inherited or averaged statistics are not enough: they belong to other weights. Only batch norm is in training mode
    meanwhile: dropout stays off, the weights stay as they are. ``forward`` runs batch i through the module.
    """
    layers = batch_norms(module)
    momenta = [layer.momentum for layer in layers]
    with eval_mode(module):
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # torch's sign for a cumulative average
            layer.train()
        try:
            for index in batches:
                forward(index)
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
