"""A player: what it owns, what it minimizes, how it is updated."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lightning_gans.batch import Batch
from lightning_gans.engine.constructors import imported
from lightning_gans.engine.critic import Critic
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Ramp

OptimizerSpec = Callable[[Iterable[nn.Parameter]], Optimizer] | Mapping[str, Any]
"""A function from parameters to an optimizer, or ``{"class_path": ..., "init_args": {...}}``."""

SchedulerSpec = Callable[[Optimizer], LRScheduler] | Mapping[str, Any]
"""A function from an optimizer to a scheduler, or ``{"class_path": ..., "init_args": {...}}``."""

LENGTHS = ("T_max", "total_steps", "total_iters")
"""What torch's schedulers call the number of updates that they last; 0 or None for as many as there are in the run."""


@dataclass(frozen=True)
class Player:
    """One player of a game: minimizes its own loss over its own modules while the others stand still.

    Args:
        name: Names the player in logs (``loss/<name>``) and in errors.
        loss: From a batch to the scalar that the player minimizes.
        modules: What its optimizer updates. A module may have two owners (the encoder of an adversarial autoencoder).
        optimizer: Builds its optimizer; see ``OptimizerSpec``. None only where it ``shares`` another's.
        interval: It is updated in every n-th step: in step n, 2n, ... counted from 1.
        updates: Updates in each such step, each with noise of its own.
        plays: Whether it is updated at all; false for a player that stands still.
        phase: Name of the phase in which it plays; None for all.
        shares: Name of the player whose optimizer it uses for a term that is computed in every n-th step only (lazy
            regularization: Karras et al. 2020, arXiv:1912.04958, app. B). Its loss counts n times, and the rates of
            that optimizer, an Adam, are corrected for the further updates.
        clip: Largest 2-norm that its gradient may have, None for no clipping.
        scheduler: Builds its learning rate scheduler, stepped once per own update; None for a constant rate. A length
            (``T_max``, ``total_steps``, ``total_iters``) that is left out or 0 is that of the run: all its own updates.
        ramps: What changes with the run: ``lr`` as a factor of the optimizer's own, ``beta1`` and ``beta2`` of Adam.
        critics: The critics that it trains: their regularizers belong to its loss.
        against: The critics that score what it makes.
        project: Called after each update: projects the modules back into the set that the paper allows.

    Raises:
        ConfigError: A setting is out of its range, or two of them exclude each other.
    """

    name: str
    loss: Callable[[Batch], Tensor]
    modules: Sequence[nn.Module]
    optimizer: OptimizerSpec | None = None
    interval: int = 1
    updates: int = 1
    plays: bool = True
    phase: str | None = None
    shares: str | None = None
    clip: float | None = None
    scheduler: SchedulerSpec | None = None
    ramps: Mapping[str, Ramp] = field(default_factory=dict)
    critics: Sequence[Critic] = ()
    against: Sequence[Critic] = ()
    project: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.interval < 1 or self.updates < 1:
            hint = "a player is updated so many times in every n-th step, both 1 or more"
            raise ConfigError(f"{self.name}.interval", (self.interval, self.updates), hint)
        if self.clip is not None and self.clip <= 0:
            raise ConfigError(f"optimization.{self.name}_clip", self.clip, "the largest norm must be positive")
        if (self.optimizer is None) == (self.shares is None):
            hint = "give what builds it, or the player whose optimizer is shared"
            raise ConfigError(f"optimization.{self.name}", self.optimizer, hint)
        if self.shares is not None and (self.scheduler is not None or self.ramps):
            hint = "its rates are those of that player; leave scheduler and ramps out"
            raise ConfigError(f"{self.name}.shares", self.shares, hint)
        if "lr" in self.ramps and self.scheduler is not None:
            hint = "its rate is ramped already; leave one of the two out"
            raise ConfigError(f"optimization.{self.name}_scheduler", type(self.scheduler).__name__, hint)
        if unknown := sorted(set(self.ramps) - {"lr", "beta1", "beta2"}):
            raise ConfigError(f"{self.name}.ramps", unknown[0], "lr, beta1 and beta2 can be ramped")

    def parameters(self) -> list[nn.Parameter]:
        """The trainable parameters that it owns, each once, in a fixed order."""
        return list({id(p): p for module in self.modules for p in module.parameters() if p.requires_grad}.values())

    def is_due(self, step: int) -> bool:
        """Whether it is updated in a step of its phase, counted from 0.

        Example:
            >>> slow = Player("generator", loss=sum, modules=[], optimizer={}, interval=5)
            >>> [step for step in range(12) if slow.is_due(step)]
            [4, 9]
        """
        return self.plays and (step + 1) % self.interval == 0

    def updates_before(self, step: int, begin: int = 0) -> int:
        """Its updates from step ``begin``, at which its phase begins, up to a step."""
        return self.updates * (step // self.interval - begin // self.interval)


def instantiate(
    spec: Callable[..., Any] | Mapping[str, Any], argument: object, setting: str = "optimizer", **further: Any
) -> Any:
    """Build an optimizer from its parameters, or a scheduler from its optimizer, by its specification.

    A callable, or a plain dict with ``class_path`` and ``init_args``: the form that round-trips through YAML and
    through checkpoints. ``further`` arguments win; errors name the setting.

    Raises:
        ConfigError: ``class_path`` names nothing that can be imported, an object is given that is built already, or
            what is to be built refuses its settings.

    Example:
        >>> spec = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
        >>> type(instantiate(spec, [torch.nn.Parameter(torch.zeros(1))])).__name__
        'SGD'
    """
    if not callable(spec) and not isinstance(spec, Mapping):
        hint = "is built already; give what builds it: a class with its settings, or a function of the parameters"
        raise ConfigError(setting, type(spec).__name__, hint)
    factory, given = (spec, {}) if callable(spec) else (_class_of(spec), spec.get("init_args", {}))
    try:
        built = factory(argument, **{**given, **further})
    except (TypeError, ValueError, ZeroDivisionError) as error:
        hidden = (*getattr(factory, "args", ()), getattr(factory, "func", factory))  # of the command line's partial
        name = next((each.__name__ for each in (factory, *hidden) if isinstance(each, type)), "a function")
        raise ConfigError(setting, name, f"does not take its settings ({error})") from error
    if isinstance(built, ReduceLROnPlateau):
        hint = "waits for a metric, and a player's schedule goes by its own updates; choose another"
        raise ConfigError(setting, "ReduceLROnPlateau", hint)
    return built


def open_length(spec: Callable[..., Any] | Mapping[str, Any] | None) -> str | None:
    """The argument by which a scheduler would be told how many updates it lasts, where its specification does not say.

    That is 0, None, or nothing where the class has no default. None where the length is said, or there is none.

    Example:
        >>> open_length({"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR"})
        'T_max'
        >>> open_length({"class_path": "torch.optim.lr_scheduler.LinearLR", "init_args": {"total_iters": 0}})
        'total_iters'
        >>> open_length(torch.optim.lr_scheduler.LinearLR)  # its default is 5
    """
    if spec is None:
        return None
    given = spec.get("init_args", {}) if isinstance(spec, Mapping) else getattr(spec, "keywords", {})
    arguments = inspect.signature(_class_of(spec) if isinstance(spec, Mapping) else spec).parameters
    found = {name: each.default for name, each in arguments.items()} | given
    if found.get("epochs") is not None:  # OneCycleLR's other way
        return None
    return next((name for name in LENGTHS if found.get(name, 1) in (0, None, inspect.Parameter.empty)), None)


def _class_of(spec: Mapping[str, Any]) -> Any:
    try:
        return imported(spec["class_path"])
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("class_path", spec["class_path"], f"cannot be imported ({error})") from error


def enable_fused(optimizer: Optimizer) -> Optimizer:
    """Let an optimizer do its step in one kernel where it can and the user did not say how.

    Only Adam, AdamW, SGD and Adagrad know fused steps, and only of real floats. Set on the parameter groups, not asked
    of the constructor: an optimizer that is built fused announces that it unscales gradients itself, and then neither
    clipping nor the logged norms would see them unscaled under 16-mixed.

    Example:
        >>> enable_fused(torch.optim.Adam([nn.Parameter(torch.zeros(1))])).param_groups[0]["fused"]
        True
    """
    for group in optimizer.param_groups:
        undecided = group.get("fused", False) is None and group.get("foreach") is None
        asked = group.get("capturable") or group.get("differentiable")
        if undecided and not asked and all(_can_fuse(p) for p in group["params"]):
            group["fused"] = True
    return optimizer


def match_layout(optimizer: Optimizer) -> None:
    """Lay an optimizer's loaded state out as its parameters are, of convolutions in ``channels_last``, say.

    A fused step goes through both as they lie in memory, and would pair moments with others' weights.
    """
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == p.shape and value.stride() != p.stride():
                    state[name] = torch.empty_like(p, dtype=value.dtype).copy_(value)


def _can_fuse(p: Tensor) -> bool:
    return p.device.type in {"cpu", "cuda", "mps", "xpu"} and p.is_floating_point()


def settings_of(optimizer: Optimizer, scheduler: LRScheduler | None) -> dict[str, Any]:
    """The settings that an optimizer and its scheduler were built with, as plain data that compares.

    Both before their first step; no scheduler for a constant rate.

    Example:
        >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> settings_of(sgd, None)["groups"][0]["lr"], settings_of(sgd, None)["scheduler"]
        (0.1, None)
    """
    groups = [{k: _plain(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    plan = None if scheduler is None else {"class": _path(scheduler), "state": deepcopy(scheduler.state_dict())}
    return {"optimizer": _path(optimizer), "groups": groups, "scheduler": plan}


def _plain(value: Any) -> Any:
    """Numbers for tensors of one, lists for tuples: as a checkpoint gives them back."""
    if isinstance(value, torch.Tensor):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def _path(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
