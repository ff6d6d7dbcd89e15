"""How the players of a game learn: optimizers, schedules, clipping, how often; each default in one place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.batch import Batch
from lightning_gans.engine.player import Player
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Clock, Ramp, ramped, smallest, value_at


def adam(lr: float = 2e-4, beta1: float = 0.5, beta2: float = 0.999) -> Any:
    """Adam as plain data; by default as in DCGAN (Radford et al. 2016, arXiv:1511.06434, section 4)."""
    return {"class_path": "torch.optim.Adam", "init_args": {"lr": lr, "betas": [beta1, beta2]}}


@dataclass(frozen=True)
class BaseOptimization:
    """What every game can be told about its training. None is the variant's own default.

    Args:
        ema_decay: Weight of the past in the generator side's average; 0 is off.
        ema_half_life: Instead: images after which half of the past is forgotten, as in StyleGAN's code (Karras et al.
            2019, arXiv:1812.04948); a ``Ramp`` for one that changes in the course of the run; 0 for ``ema_decay``.
        ema_ramp: The half-life is at most this share of the images shown so far; 0 for the same throughout.
        micro_batches: Number of equal parts in which each batch is processed; the gradients are averaged. Equal to the
            undivided batch for losses that are means over samples, without batch norm and spectral norm.
        compile: Compile the players' networks, one by one; gradient penalties run uncompiled.
        decay_begin: Share of the run after which all learning rates fall linearly, to 0 at its end; 1 for constant
            ones. A player cannot have a scheduler beside it.

    Raises:
        ConfigError: A setting is out of its range.
    """

    ema_decay: float | None = None
    micro_batches: int | None = None
    compile: bool | None = None
    decay_begin: float | None = None
    ema_half_life: float | Ramp | None = None
    ema_ramp: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.ema_half_life, Mapping):  # of a checkpoint
            object.__setattr__(self, "ema_half_life", ramped(self.ema_half_life))
        if self.micro_batches is not None and self.micro_batches < 1:
            raise ConfigError("optimization.micro_batches", self.micro_batches, "must be a number of parts, 1 or more")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise ConfigError("optimization.ema_decay", self.ema_decay, "must lie in [0, 1); 0 turns averaging off")
        if self.decay_begin is not None and not 0 <= self.decay_begin <= 1:
            raise ConfigError("optimization.decay_begin", self.decay_begin, "must be a share of the run, 0 to 1")
        for name in ("ema_half_life", "ema_ramp"):
            if (number := getattr(self, name)) is not None and smallest(number) < 0:
                raise ConfigError(f"optimization.{name}", number, "must be 0, for off, or more")
        for name, value in vars(self).items():
            if name in ("n_critic", "n_generator") and value is not None and value < 1:
                raise ConfigError(f"optimization.{name}", value, "a number of updates, 1 or more")
            if name.endswith("_clip") and value is not None and not value > 0:
                raise ConfigError(f"optimization.{name}", value, "the largest norm must be positive")

    @property
    def averages(self) -> bool:
        """Whether there is a moving average."""
        return bool(self.ema_decay or self.ema_half_life)

    def ema_decay_at(self, clock: Clock) -> float:
        """Weight of the past in the moving average, for a step.

        Example:
            >>> BaseOptimization(ema_half_life=1000.0).ema_decay_at(Clock(images=0, batch_size=1000))
            0.5
            >>> BaseOptimization(ema_half_life=1000.0, ema_ramp=0.05).ema_decay_at(Clock(images=4000, batch_size=200))
            0.5
        """
        if not self.ema_half_life:
            return self.ema_decay or 0.0
        half_life = value_at(self.ema_half_life, clock)
        if self.ema_ramp:
            half_life = min(half_life, clock.images * self.ema_ramp)
        return float(0.5 ** (clock.batch_size / max(half_life, 1e-8)))

    def over(self, defaults: Self) -> Self:
        """These settings, and the defaults where they say nothing."""
        return replace(self, **{name: vars(defaults)[name] for name, value in vars(self).items() if value is None})

    def player(
        self, role: str, loss: Callable[[Batch], Tensor], modules: Sequence[nn.Module], **settings: Any
    ) -> Player:
        """The player of a role, the field that holds its optimizer; further arguments of ``Player`` win."""
        own = {name: getattr(self, f"{role}_{name}") for name in ("scheduler", "clip")}
        own |= {"name": role, "optimizer": getattr(self, role)}
        if self.decay_begin is not None and self.decay_begin < 1:
            if own["scheduler"] is not None:
                hint = "rates fall by optimization.decay_begin already; set that to 1, or leave the scheduler out"
                raise ConfigError(f"optimization.{role}_scheduler", "a scheduler", hint)
            own["ramps"] = {"lr": Ramp(1.0, 0.0, begin=self.decay_begin)}
        return Player(loss=loss, modules=modules, **own | settings)


@dataclass(frozen=True)
class Optimization(BaseOptimization):
    """How generator and discriminator learn.

    Args:
        generator: The generator's optimizer.
        discriminator: The discriminator's optimizer.
        generator_scheduler: The generator's learning rate scheduler, stepped once per own update.
        discriminator_scheduler: The discriminator's.
        generator_clip: Largest norm of the generator's gradient, None for no clipping.
        discriminator_clip: The same for the discriminator.
        n_critic: Updates of the discriminator, each on a batch of its own, for each turn of the generator.
        n_generator: Updates of the generator in each of its turns, each with noise of its own.
    """

    generator: OptimizerCallable | None = None
    discriminator: OptimizerCallable | None = None
    generator_scheduler: LRSchedulerCallable | None = None
    discriminator_scheduler: LRSchedulerCallable | None = None
    generator_clip: float | None = None
    discriminator_clip: float | None = None
    n_critic: int | None = None
    n_generator: int | None = None


def optimization_of(spec: Any, defaults: BaseOptimization) -> Any:
    """A game's settings from an object or a mapping of some of its fields, with its defaults where they say nothing."""
    kind = type(defaults)
    if isinstance(spec, BaseOptimization) and type(spec) is not kind:  # of another game: what it says must fit
        spec = {name: value for name, value in vars(spec).items() if value is not None}
    if isinstance(spec, Mapping):
        known = {each.name for each in fields(kind)}
        if unknown := sorted(set(spec) - known):
            raise ConfigError(f"optimization.{unknown[0]}", spec[unknown[0]], f"no such setting; {sorted(known)}")
        spec = kind(**spec)
    return spec.over(defaults)
