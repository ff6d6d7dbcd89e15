"""A player: what it owns, what it minimizes, how it moves."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lightning_gans.errors import ConfigError

OptimizerSpec = Callable[[Iterable[nn.Parameter]], Optimizer] | Mapping[str, Any]
"""A function from parameters to an optimizer, or ``{"class_path": ..., "init_args": {...}}``."""

SchedulerSpec = Callable[[Optimizer], LRScheduler] | Mapping[str, Any]
"""A function from an optimizer to a scheduler, or ``{"class_path": ..., "init_args": {...}}``."""


@dataclass(frozen=True)
class Player:
    """One player of a game: descends its own loss over its own modules while the others stand still.

    Args:
        name: Names the player in logs (``loss/<name>``) and in errors.
        loss: From a batch to the scalar that the player minimizes.
        modules: What its optimizer moves. A module may have two owners (the encoder of an adversarial autoencoder).
        optimizer: Builds its optimizer; see ``OptimizerSpec``.
        every: It moves in every n-th step: in step n, 2n, ... counted from 1.
        clip: Largest 2-norm that its gradient may have, None for no clipping.
        scheduler: Builds its learning rate scheduler, stepped once per own move; None for a constant rate.
        constraint: Called after each own move: projects the modules back into the set that the paper allows.
    """

    name: str
    loss: Callable[[Any], Tensor]
    modules: Sequence[nn.Module]
    optimizer: OptimizerSpec
    every: int = 1
    clip: float | None = None
    scheduler: SchedulerSpec | None = None
    constraint: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ConfigError(f"{self.name}.every", self.every, "a player moves in every n-th step, n = 1, 2, ...")
        if self.clip is not None and self.clip <= 0:
            raise ConfigError(f"{self.name}_clip", self.clip, "the largest gradient norm must be positive")

    def parameters(self) -> list[nn.Parameter]:
        """The trainable parameters that it owns, each once, in a fixed order."""
        owned = {id(p): p for module in self.modules for p in module.parameters() if p.requires_grad}
        return list(owned.values())

    def moves_in(self, step: int) -> bool:
        """Whether it moves in a step, counted from 0.

        Example:
            >>> critic_five = Player("generator", loss=sum, modules=[], optimizer={}, every=5)
            >>> [r for r in range(12) if critic_five.moves_in(r)]
            [4, 9]
        """
        return (step + 1) % self.every == 0


def build(spec: Callable[[Any], Any] | Mapping[str, Any], argument: object) -> Any:
    """Build an optimizer or a scheduler from its specification.

    Args:
        spec: A callable of one argument, or a plain dict with ``class_path`` and ``init_args``: the form that
            round-trips through YAML and through checkpoints.
        argument: The parameters of an optimizer, or the optimizer of a scheduler.

    Raises:
        ConfigError: ``class_path`` names nothing that can be imported, or an object is given that is built already.

    Example:
        >>> import torch
        >>> spec = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
        >>> type(build(spec, [torch.nn.Parameter(torch.zeros(1))])).__name__
        'SGD'
    """
    if callable(spec):
        return _stepped_by_moves(spec(argument))
    if not isinstance(spec, Mapping):
        hint = "is built already; give what builds it: a class with its settings, or a function of the parameters"
        raise ConfigError("optimizer", type(spec).__name__, hint)
    module, _, name = spec["class_path"].rpartition(".")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("class_path", spec["class_path"], f"cannot be imported ({error})") from error
    return _stepped_by_moves(factory(argument, **spec.get("init_args", {})))


def _stepped_by_moves(built: Any) -> Any:
    if isinstance(built, ReduceLROnPlateau):
        hint = "waits for a metric, and a player's schedule goes by its own moves; choose another"
        raise ConfigError("scheduler", "ReduceLROnPlateau", hint)
    return built


_FUSING_DEVICES = {"cpu", "cuda", "mps", "xpu"}


def fuse(optimizer: Optimizer) -> Optimizer:
    """Let an optimizer do its step in one kernel where it can and the user did not say how.

    Set on the parameter groups, not asked of the constructor: an optimizer that is built fused announces that it
    unscales gradients itself, and then neither clipping nor the logged norms would see them unscaled under 16-mixed.

    Args:
        optimizer: Any; only Adam, AdamW, SGD and Adagrad know fused steps, and only of real floats.

    Example:
        >>> import torch
        >>> fuse(torch.optim.Adam([nn.Parameter(torch.zeros(1))])).param_groups[0]["fused"]
        True
    """
    for group in optimizer.param_groups:
        undecided = group.get("fused", False) is None and not any(
            group.get(choice) for choice in ("foreach", "capturable", "differentiable")
        )
        able = all(p.device.type in _FUSING_DEVICES and p.is_floating_point() for p in group["params"])
        if undecided and able and group.get("foreach") is None:
            group["fused"] = True
    return optimizer
