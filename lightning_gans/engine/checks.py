"""What a game refuses to train on, and when it stops.

Numbers are read when logging is due: no other step waits for the device.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from lightning.fabric.utilities.types import _Stateful
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy, Strategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from lightning_gans.batch import Batch
from lightning_gans.engine.protocols import Generates
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
    """Turn off warnings that do not concern a game, once a trainer has one."""
    for message in (
        "You defined a `validation_step` but have no `val_dataloader`",  # it is there for ``validate``, not for ``fit``
        "Using ModelCheckpoint with manual optimization",  # the state after a whole step is what should be saved
        "You're resuming from a checkpoint that ended before the epoch ended",  # a game tells of it in its own words
        "Total length of `list` across ranks is zero",  # no validation inside fit: steps decide when to measure
        "The number of training batches .* is smaller than the logging interval",  # steps are logged, not epochs
        ".*LeafSpec",  # Lightning's own, on torch 2.13 and newer
    ):
        warnings.filterwarnings("ignore", message=message)


def require_fitting_parts(batch: Batch, dtype: torch.dtype) -> None:
    """Check that a batch holds floats of the networks' precision, and one class for each sample.

    Raises:
        ConfigError: There are no images, or a part is of another type or shape.
    """
    size = len(batch.images)
    for name, part in _floats(batch).items():
        if part.dtype != dtype:
            hint = f"the networks are {dtype}; convert them: .to({dtype})"
            raise ConfigError("batch", f"{name}s of {part.dtype}", hint)
    if (labels := batch.condition.label) is None:
        return
    if labels.dtype != torch.int64:
        raise ConfigError("batch", f"labels of {labels.dtype}", "are numbers of classes, int64; convert them: .long()")
    if labels.shape != (size,):
        hint = f"one class for each sample is needed, ({size},); of a row for each, take .argmax(1) or [:, 0]"
        raise ConfigError("batch", f"labels of shape {tuple(labels.shape)}", hint)


def require_values_in_range(
    batch: Batch, bounds: tuple[float, float] | None, num_classes: int | None, strategy: Strategy, advising: bool
) -> None:
    """Check that a batch holds finite numbers, images (N, C, H, W) the range of the networks, and labels known classes.

    Collective. The range of points (N, d) is free, and that of images without ``bounds``. ``advising`` says so when
    all values of images lie in the upper half of the range, as those of unscaled images do.

    Raises:
        ConfigError: Some value is not finite, or out of range, on whatever process.
    """
    floats, labels = _floats(batch), batch.condition.label
    parts = {name: part for name, part in floats.items() if name in ("image", "source")}
    if labels is not None and num_classes is not None:
        parts["label"] = labels
    if not parts:
        return
    ends = torch.stack(
        [end.float() for part in parts.values() for end in (-part.detach().amin(), part.detach().amax())]
    )
    ends = ends.nan_to_num(nan=math.inf, posinf=math.inf, neginf=-math.inf)
    negative_lows, highs = strategy.reduce(ends, reduce_op="max").view(-1, 2).T.tolist()
    for (name, part), negative_low, high in zip(parts.items(), negative_lows, highs, strict=True):
        low = -negative_low
        if name != "label":
            hint = "scale them (images.from_uint8 does), or set the model's image_range"
            require_in_range("batch", f"{name}s", low, high, bounds if part.ndim == 4 else None, hint)
        elif num_classes is not None and not 0 <= low <= high < num_classes:
            hint = f"num_classes={num_classes} of the model are 0 to {num_classes - 1}"
            raise ConfigError("batch", f"labels from {low:g} to {high:g}", hint)
        if advising and name == "image" and bounds is not None and part.ndim == 4 and low >= sum(bounds) / 2:
            warn(f"the first images lie in [{low:g}, {high:g}], but networks take {list(bounds)}: were they scaled?")


def require_in_range(
    setting: str, name: str, low: float, high: float, bounds: tuple[float, float] | None, hint: str
) -> None:
    """Check the smallest and largest value of images; errors name the setting that they come from, and what to do.

    Raises:
        ConfigError: One is not finite, or out of bounds.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(setting, f"{name} with NaN or infinity", "clean those, or leave them out")
    if bounds is not None and (low < bounds[0] - _ROUNDING or high > bounds[1] + _ROUNDING):
        raise ConfigError(setting, f"{name} from {low:g} to {high:g}", f"networks take {list(bounds)}; {hint}")


@contextmanager
def shapes_explained(game: object, batch: Batch) -> Iterator[None]:
    """Where a step fails since images of a batch have another shape than generated ones, say that; else what it said.

    Raises:
        ConfigError: They have.
    """
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as error:
        if isinstance(error, ConfigError) or not isinstance(game, Generates):
            raise
        try:
            generated = game.generate(batch.condition.map(lambda part: part[:1]), n=1, ema=False)
        except (RuntimeError, ValueError, IndexError):
            raise error from None  # the networks do not even fit each other
        require_same_shape(batch.images, generated)
        raise


def require_same_shape(real: Tensor, generated: Tensor) -> None:
    """Check that real and generated images are of one shape (C, H, W), or points of one number of coordinates.

    Raises:
        ConfigError: They are not.
    """
    if real.shape[1:] != generated.shape[1:]:
        hint = f"the generator makes {tuple(generated.shape[1:])}; resize or crop them, or build the networks for them"
        raise ConfigError("batch", f"images of shape {tuple(real.shape[1:])}", hint)


def _floats(batch: Batch) -> dict[str, Tensor]:
    """The parts of a batch that are there and hold floats, by their names."""
    parts = {"image": batch.image, **batch.condition._asdict()}
    return {name: part for name, part in parts.items() if part is not None and part.is_floating_point() and len(part)}


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


def non_finite_weights(game: nn.Module) -> DivergedError | None:
    """What to say of the first part of a game whose weights or buffers are not numbers; None where all are."""
    for name, module in game.named_children():
        tensors = (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point()))
        if not all(bool(torch.isfinite(each).all()) for each in tensors):
            return DivergedError(name, "non-finite weights", "not saved; go back to the last checkpoint")
    return None


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
