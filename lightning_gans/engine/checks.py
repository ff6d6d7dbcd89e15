"""What a game refuses to train on, and when it stops.

Numbers are read when logging is due: no other step waits for the device.
"""

import math
import warnings
from collections.abc import Sequence

import torch
from lightning.fabric.utilities.types import _Stateful
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy, Strategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from lightning_gans.errors import ConfigError, LightningGANsWarning

_ROUNDING = 1e-3  # half precision and resized images may miss the ends of their range by so much


class DivergedError(ConfigError):
    """The game is lost: a loss or a weight is no longer a sensible number. The last good checkpoint stays."""


class NonFiniteLossError(DivergedError):
    """A player's loss is not a number, or beyond the limit, after so many steps."""

    def __init__(self, player: str, loss: float, step: int) -> None:
        hint = f"stopped after {step} steps; lower the {player}'s learning rate or resume from the last checkpoint"
        super().__init__(f"loss/{player}", loss, hint)


def require_supported(trainer: Trainer) -> None:
    """Check that the trainer leaves to the game what is the game's.

    Raises:
        ConfigError: It would clip or accumulate, or its strategy takes over the gradients.
    """
    if trainer.gradient_clip_val is not None:
        hint = "clips all players alike; clip each: optimization.generator_clip, discriminator_clip (Player.clip)"
        raise ConfigError("trainer.gradient_clip_val", trainer.gradient_clip_val, hint)
    if trainer.accumulate_grad_batches != 1:
        hint = "one batch is one step; process a larger batch in parts: the model's optimization.micro_batches"
        raise ConfigError("trainer.accumulate_grad_batches", trainer.accumulate_grad_batches, hint)
    strategy = trainer.strategy
    if not isinstance(strategy, DDPStrategy | SingleDeviceStrategy):
        hint = "shards or schedules what several optimizers share; use ddp (it sends each gradient once)"
        raise ConfigError("trainer.strategy", type(strategy).__name__, hint)
    if isinstance(strategy, DDPStrategy) and strategy._ddp_kwargs.get("static_graph"):
        hint = "the graph changes with the player that is updated; use ddp without it"
        raise ConfigError("trainer.strategy.static_graph", True, hint)
    if isinstance(strategy, DDPStrategy) and strategy._ddp_comm_hook is not None:
        hint = "the game sends the gradients itself, so the hook would never be called; use ddp without it"
        raise ConfigError("trainer.strategy.ddp_comm_hook", strategy._ddp_comm_hook, hint)


def mute_what_is_no_news() -> None:
    """Turn off three warnings of Lightning that do not concern a game, once one is trained."""
    for message in (
        "You defined a `validation_step` but have no `val_dataloader`",  # it is there for ``validate``, not for ``fit``
        "Using ModelCheckpoint with manual optimization",  # the state after a whole step is what should be saved
        "You're resuming from a checkpoint that ended before the epoch ended",  # a game tells of it in its own words
    ):
        warnings.filterwarnings("ignore", message=message)


def require_images_in_range(
    images: Tensor, bounds: tuple[float, float] | None, strategy: Strategy, advising: bool = False
) -> None:
    """Check that a batch holds finite numbers, and images (N, C, H, W) the range that networks are built for.

    Collective. The range of points (N, d) is free, and that of images without ``bounds``. ``advising`` says so when
    all values lie in the upper half of the range, as those of unscaled images do.

    Raises:
        ConfigError: Some value is not finite, or out of range, on whatever process.
    """
    if not images.is_floating_point() or images.numel() == 0:
        return  # the model says what it takes instead
    ends = torch.stack([-images.detach().amin(), images.detach().amax()]).float()
    ends = ends.nan_to_num(nan=math.inf, posinf=math.inf, neginf=-math.inf)
    negative_low, high = strategy.reduce(ends, reduce_op="max").tolist()
    low = -negative_low
    if not (math.isfinite(low) and math.isfinite(high)):
        hint = "some are not finite; clean or skip those images"
        raise ConfigError("batch", f"values from {low:g} to {high:g}", hint)
    if bounds is None or images.ndim != 4:
        return
    if low < bounds[0] - _ROUNDING or high > bounds[1] + _ROUNDING:
        hint = f"networks take {list(bounds)}; scale them (images.from_uint8 does), or set the model's image_range"
        raise ConfigError("batch", f"images from {low:g} to {high:g}", hint)
    if advising and low >= sum(bounds) / 2:
        warn(f"the first images lie in [{low:g}, {high:g}], but networks take {list(bounds)}: were they scaled?")


def without_gradient(player: str) -> ConfigError:
    """Of a player that could not learn."""
    hint = f"its loss does not depend on what the {player} owns; is something detached, or in no_grad?"
    return ConfigError(player, "no gradient", hint)


class GradientMonitor:
    """Knows which parameters of each player no backward pass has reached so far in this run."""

    def __init__(self) -> None:
        self._unreached: dict[str, set[str]] = {}
        self._told: set[str] = set()

    def seen_before(self, player: str) -> bool:
        """Whether the player was updated before."""
        return player in self._unreached

    def update(self, player: str, owned: Sequence[nn.Parameter], game: nn.Module) -> None:
        """Look at the gradients of what a player owns, some of which a backward pass must have reached."""
        missing = [p for p in owned if p.grad is None]
        if len(missing) == len(owned):
            raise without_gradient(player)
        names = {id(p): name for name, p in game.named_parameters()}
        found = {names.get(id(p), f"one of shape {tuple(p.shape)}") for p in missing}
        self._unreached[player] = found & self._unreached.get(player, found)

    def warn(self, player: str, norm: float | None) -> None:
        """Say once that a player or a part of it cannot learn; ``norm`` of its gradient in this step, if it moved."""
        missing = sorted(self._unreached.get(player, ()))
        if player in self._told or not (missing or norm == 0):
            return
        self._told.add(player)
        if missing:
            shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            warn(f"{player}: {len(missing)} parameters never got a gradient ({shown}): its loss does not use them")
        else:
            warn(f"{player}: its gradient is exactly zero, so it learns nothing; is its loss saturated or detached?")


def warn_about_loaders(trainer: Trainer) -> None:
    """Tell when the data of a resumed run start over: it is exact where the loader can go on, or between epochs."""
    loop = trainer.fit_loop
    loaders = [] if loop._combined_loader is None else loop._combined_loader.flattened
    for loader in loaders:
        alone = getattr(loader, "processed", loader) is None  # a datamodule's, without its datamodule
        if alone and (trainer.world_size > 1 or loop.restarting):
            hint = "several processes and resumed runs need its datamodule: trainer.fit(model, datamodule=...)"
            raise ConfigError("train_dataloaders", type(loader).__name__, hint)
    inside = trainer.global_step % max(1, trainer.num_training_batches) != 0
    if loop.restarting and inside and not all(isinstance(loader, _Stateful) for loader in loaders):
        warn(
            f"resumed after step {trainer.global_step}, inside an epoch, and this loader starts its data over: weights"
            " and noise go on exactly, the data do not; they would from a loader with state_dict and load_state_dict"
        )


def warn(line: str) -> None:
    """Tell the user something that is no error."""
    rank_zero_warn(line, category=LightningGANsWarning)
