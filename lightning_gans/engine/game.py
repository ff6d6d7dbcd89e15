"""The engine: who moves when, with which gradients, noise and bookkeeping. What differs between papers is not here."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import _given_hyperparameters
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_gans.batch import chunks_of, images_of
from lightning_gans.engine.ema import EMA
from lightning_gans.engine.compilation import compilation_refused, compile_networks
from lightning_gans.engine.global_step import at_end_of_round, counted_once
from lightning_gans.engine.exchange import average_over_processes, batch_statistics, local_backward
from lightning_gans.engine.checks import (
    DivergedError,
    GradientWatch,
    warn_about_loaders,
    require_graph,
    require_images_in_range,
    require_supported,
)
from lightning_gans.engine.logging import Journal, log_values
from lightning_gans.engine.player import Player, build, fuse
from lightning_gans.engine.randomness import Draw, Randomness
from lightning_gans.engine.resuming import needed_again, settings_of, take_average, take_settings
from lightning_gans.engine.saving import class_named, constructor_arguments, is_plain
from lightning_gans.errors import ConfigError

# Warnings of Lightning that are no news here: a game has a validation_step for `validate` and needs no validation
# loader for `fit`; a checkpoint that holds the state after a whole step holds what it should; and of loaders that
# start over a game tells in its own words.
warnings.filterwarnings("ignore", message="You defined a `validation_step` but have no `val_dataloader`")
warnings.filterwarnings("ignore", message="Using ModelCheckpoint with manual optimization")
warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch ended")


class Game(LightningModule):
    """A game of named players; each step, every player that is due descends its own loss while the others stand still.

    One batch is one step is one ``training_step``: ``trainer.global_step`` advances by exactly one whatever the
    number of players. A variant says who plays (``players``) and what each minimizes; the order of moves,
    freezing, gradient exchange, clipping, accumulation, precision, averaging, randomness and logging are here.

    Args:
        ema_decay: Weight of the past in the moving average of ``averaged``, per move of its owner; 0 is off.
        accumulate: Number of equal chunks in which each batch is processed; the gradients are averaged. Equal to the
            undivided batch for losses that are means over samples, without batch norm and spectral norm.
        compile: Compile the players' networks, one by one; gradient penalties run uncompiled.
        loss_limit: A loss beyond it, in absolute value, counts as exploded, as one that is not a number does.

    Raises:
        ConfigError: A setting is out of its range.
    """

    image_range: tuple[float, float] | None = (-1.0, 1.0)
    """The range that images must lie in, as decision of a class; None for any. Points have none."""

    def __init__(
        self, *, ema_decay: float = 0.0, accumulate: int = 1, compile: bool = False, loss_limit: float = 1e8
    ) -> None:
        super().__init__()
        self._remember_arguments(inspect.currentframe())
        self.automatic_optimization = False
        if accumulate < 1:
            raise ConfigError("accumulate", accumulate, "must be a number of chunks, 1 or more")
        if not 0 <= ema_decay < 1:
            raise ConfigError("ema_decay", ema_decay, "must lie in [0, 1); 0 turns averaging off")
        if not loss_limit > 0:
            raise ConfigError("loss_limit", loss_limit, "must be positive")
        self.ema_decay, self.accumulate = ema_decay, accumulate
        self.compiles = compile
        self.ema: EMA | None = None
        self.step = 0
        self.seed: int | None = None
        self._randomness = Randomness(seed=0)
        self._players: list[Player] = []
        self._moving = 0
        self._first = True  # the next step is the first of this fit
        self._settings: dict[str, dict[str, Any]] = {}  # of the optimizers, as built
        self._resumed: dict[str, Any] | None = None  # what was loaded, until training begins
        self._epoch: int | None = None  # that of the last step of this fit
        self._watch = GradientWatch()
        self._journal = Journal(loss_limit)
        self.recover: Callable[[DivergedError], None] | None = None
        self._due = False

    # What a variant says.

    def players(self) -> list[Player]:
        """Who plays, in the order of their moves. Called once, when the optimizers are built."""
        raise NotImplementedError(f"{type(self).__name__} must say who plays: override players()")

    def averaged(self) -> dict[str, nn.Module]:
        """The modules that the moving average covers, by name: what generates, never what judges."""
        return {}

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        seed: int = 0,
        truncation: float | None = None,
        ema: bool = True,
        start: int = 0,
    ) -> Tensor:
        """Generate samples ``start`` to ``start + n`` of those that ``seed`` selects; see ``GAN.sample``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it generates: override sample()")

    # What a loss may use.

    def rand(self, draw: Draw, n: int, *shape: int) -> Tensor:
        """Random numbers (n, *shape), a function of (seed, step, move, draw): the one source of noise in a loss.

        Args:
            draw: ``torch.randn``, ``torch.rand`` or a prior.
            n: Number of rows: samples of the present batch or chunk.
            shape: Shape of a row.
        """
        return self._randomness.rand(draw, n, *shape, device=self.device)

    def note(self, name: str, value: Tensor | float) -> None:
        """Log the mean of a value under a name, when logging is due; costs nothing when it is not."""
        if self._due:
            self._journal.notes[name] = torch.as_tensor(value, device=self.device).detach().float().mean()

    @property
    def noting(self) -> bool:
        """Whether this step is logged; guards what is computed for the log alone."""
        return self._due

    # The step.

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Play one step on one batch."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
        self._due = every > 0 and (self.trainer.global_step + 1) % every == 0
        self._journal.notes = {}
        self._randomness.reseed_global(self.step, self.device)
        images = images_of(batch)
        if self._due or self._first:
            require_images_in_range(images, self.image_range, self._largest, advising=self._first)
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        due = [index for index, player in enumerate(self._players) if player.moves_in(self.step)]
        with counted_once(optimizers), compilation_refused(self.compiles):
            for index in due:
                self._move(index, self._players[index], optimizers[index], batch)
        if self.ema is not None and any(self._players[index].name in self._averaging for index in due):
            self.ema.update()
        self.step += 1
        self._first, self._epoch = False, self.trainer.current_epoch
        self._journal.saw(len(images) * self.trainer.world_size)
        if self._due:
            self._log_round()

    def on_train_batch_end(self, *_: Any) -> None:
        """Seed the generators that the next batch is loaded and augmented with, whatever the callbacks drew."""
        self._randomness.reseed_global(self.step, self.device, loading=True)

    def _move(self, index: int, player: Player, optimizer: LightningOptimizer, batch: Any) -> None:
        """One move: the others frozen, gradients of all chunks and processes averaged, one optimizer step."""
        self._moving = index
        total = torch.zeros((), device=self.device)
        with self._alone(index):
            for chunk_index, chunk in enumerate(chunks_of(batch, self.accumulate)):
                self._randomness.seek(self.step, index, chunk_index)
                loss = player.loss(chunk) / self.accumulate
                require_graph(player.name, loss)
                with local_backward(self.trainer.strategy):
                    self.manual_backward(loss)
                total = total + loss.detach()
            if self._due or not self._watch.knows(player.name):
                self._watch.look(player.name, self._own[index], self)
            average_over_processes(self._own[index], self._statistics)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if player.constraint is not None:
            with torch.no_grad():
                player.constraint()
        if (scheduler := self._schedulers[index]) is not None:
            scheduler.step()
        self._journal.lost(player.name, total)

    @contextmanager
    def _alone(self, index: int) -> Iterator[None]:
        """Freeze what the moving player does not own. Cached lists: ten times as fast as ``toggle_optimizer``."""
        try:
            for p in self._others[index]:
                p.requires_grad = False
            yield
        finally:
            for p in self._others[index]:
                p.requires_grad = True

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Measure and clip the moving player's gradient: here it is unscaled, in every precision."""
        player, owned = self._players[self._moving], self._own[self._moving]
        if not (self._due or player.clip is not None):
            return
        norm = nn.utils.get_total_norm([p.grad for p in owned if p.grad is not None])
        self.note(f"grad_norm/{player.name}", norm)
        if player.clip is not None:
            nn.utils.clip_grads_with_norm_(owned, player.clip, norm)

    # What Lightning asks for.

    def configure_callbacks(self) -> list[Callback]:
        """None; but this is where Lightning first asks, and a trainer that cannot play is refused early."""
        if self.trainer.state.fn == "fit":
            require_supported(self.trainer)
        return []

    def configure_model(self) -> None:
        """Create the moving average, once; Lightning calls this before training and before loading weights.

        In the run's precision already: Lightning would load float64 weights into a float32 model, and convert it then.
        """
        if self._trainer is not None:
            self._trainer.precision_plugin.convert_module(self)
        if self.ema is None and self.ema_decay > 0 and (modules := self.averaged()):
            self.ema = EMA(modules, self.ema_decay)

    def configure_optimizers(self) -> Any:
        """One optimizer a player, in the order of ``players``; with its scheduler, if it has one."""
        self._players = self.players()
        names = [player.name for player in self._players]
        if not names or len(set(names)) < len(names):
            raise ConfigError("players", names, "a game needs at least one player, and each a name of its own")
        self._own = [player.parameters() for player in self._players]
        every_one = {id(p): p for own in self._own for p in own}
        self._others = []
        for own, player in zip(self._own, self._players, strict=True):
            if not own:
                raise ConfigError(f"{player.name}", "no parameters", "owns nothing that could learn")
            mine = {id(p) for p in own}
            self._others.append([p for key, p in every_one.items() if key not in mine])
        self._statistics = batch_statistics(module for player in self._players for module in player.modules)
        covered = {id(module) for module in self.averaged().values()}
        self._averaging = {player.name for player in self._players if covered & {id(m) for m in player.modules}}
        optimizers = [fuse(build(player.optimizer, own)) for player, own in zip(self._players, self._own, strict=True)]
        self._schedulers = [
            None if player.scheduler is None else build(player.scheduler, optimizer)
            for player, optimizer in zip(self._players, optimizers, strict=True)
        ]
        self._settings = {
            player.name: settings_of(optimizer, scheduler)
            for player, optimizer, scheduler in zip(self._players, optimizers, self._schedulers, strict=True)
        }
        configured: list[dict[str, Any]] = []
        for player, optimizer, scheduler in zip(self._players, optimizers, self._schedulers, strict=True):
            config = {"scheduler": scheduler, "name": f"lr/{player.name}"}
            configured.append({"optimizer": optimizer} | ({} if scheduler is None else {"lr_scheduler": config}))
        return configured

    def on_fit_start(self) -> None:
        """Agree on the seed: the run's, the same on all processes; a resumed run keeps the one it began with."""
        if self.seed is None:
            self.seed = int(self.trainer.strategy.broadcast(torch.initial_seed()))
        trainer = self.trainer
        self._randomness = Randomness(self.seed, trainer.global_rank, trainer.world_size, self.accumulate)
        self._randomness.reseed_global(self.step, self.device, loading=True)
        self._journal.restart_clock()
        self._first, self._epoch, self._watch = True, None, GradientWatch()
        if self.compiles:
            compile_networks(module for player in self._players for module in player.modules)

    def on_train_start(self) -> None:
        """Take the present settings where they differ from a checkpoint's; tell when the data start over."""
        warn_about_loaders(self.trainer)
        if self._resumed is not None:
            self.take_settings(self._resumed)
            self._resumed = None

    def take_settings(self, checkpoint: dict[str, Any]) -> None:
        """Let the settings of optimizers and schedulers win over those that a loaded checkpoint was trained with."""
        optimizers = self.trainer.strategy.optimizers
        take_settings(self._players, optimizers, self._schedulers, self._settings, checkpoint)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing per batch: a game is judged by what it generates (see the metrics callback)."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing per batch, as in validation."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the game's counters; refuse to write weights that are not numbers over the last good ones."""
        if (error := self._divergence()) is not None:
            raise error
        if self._epoch is not None:
            at_end_of_round(checkpoint, self._epoch)
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        counters = {"step": self.step, "seed": self.seed, "losses": self._journal.latest, "settings": self._settings}
        checkpoint["game"] = {"class": kind, "objects": self._objects, **counters}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take back the game's counters."""
        if "game" not in checkpoint:
            raise ConfigError("checkpoint", "no game in it", "it was not written by lightning_gans")
        game = checkpoint["game"]
        if "settings" not in game:
            raise ConfigError("checkpoint", "no settings in it", "an earlier version wrote it; train anew")
        self.step, self.seed, self._journal.latest = game["step"], game["seed"], dict(game["losses"])
        if self._trainer is not None and self._trainer.state.fn == "fit":
            self._resumed = needed_again(checkpoint)
            take_average(checkpoint["state_dict"], self.state_dict(keep_vars=True))

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """Load a game from its checkpoint, as Lightning does.

        What the command line wrote describes itself. A game that was built in Python needs the objects it was built
        from again (``generator=..., discriminator=...``): code is not stored in checkpoints.

        Args:
            checkpoint_path: The file.
            args: Passed on to Lightning.
            kwargs: Arguments of the class that replace or complete those in the checkpoint.

        Raises:
            ConfigError: It was not written by this package, or objects that it needs were not given.
        """
        content = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
        if "game" not in content:
            raise ConfigError("checkpoint_path", str(checkpoint_path), "it was not written by lightning_gans")
        if missing := [name for name in content["game"]["objects"] if name not in kwargs]:
            given = ", ".join(f"{name}=..." for name in missing)
            raise ConfigError(
                "checkpoint_path", str(checkpoint_path), f"built in Python: pass what it was built from again ({given})"
            )
        kind = class_named(content["hyper_parameters"].get("_class_path"), cls)
        return super(Game, kind).load_from_checkpoint(checkpoint_path, *args, **kwargs)

    # Bookkeeping.

    def _remember_arguments(self, frame: FrameType | None) -> None:
        """Keep the constructor's plain arguments as hyperparameters, and the names of the others.

        Modules, callables and other objects would break ``weights_only`` loading, or be dropped in silence; the
        command line replaces them by their plain description (``class_path``, ``init_args``).
        """
        assert frame is not None
        objects = [name for name, value in constructor_arguments(frame).items() if not is_plain(value)]
        described = _given_hyperparameters.get() is not None  # by the command line, as plain data
        self._objects = [] if described else objects
        self.save_hyperparameters(ignore=self._objects, frame=frame)

    def _log_round(self) -> None:
        """Log what was noted; one exchange between processes, one wait for the device, only when due."""
        self.require_finite_losses()
        values = self._journal.entry(self._mean)
        for player in self._players:
            self._watch.warn(player.name, values.get(f"grad_norm/{player.name}"))
        shown = [name for name in values if name.startswith("loss/")]
        log_values(self.trainer, values, on_bar=[*shown, "images_per_second"])

    def require_finite_losses(self) -> None:
        """Check the losses of all moves since the last check; collective, and waits for the device.

        Raises:
            NonFiniteLossError: One of them was not a number, or exploded; names the player that lost it first.
        """
        self._unless_recovered(self._journal.diverged(self._mean, self.step))

    def require_sound_state(self) -> None:
        """Check losses and weights, before they are saved over the last good ones.

        Raises:
            DivergedError: Some are not numbers.
        """
        self._unless_recovered(self._divergence())

    def _unless_recovered(self, error: DivergedError | None) -> None:
        if error is not None:
            if self.recover is None:
                raise error
            self.recover(error)

    def _divergence(self) -> DivergedError | None:
        if (error := self._journal.diverged(self._mean, self.step)) is not None:
            return error
        for name, module in self.named_children():
            tensors = (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point()))
            if not all(bool(torch.isfinite(each).all()) for each in tensors):
                return DivergedError(name, "non-finite weights", "not saved; go back to the last checkpoint")
        return None

    def _mean(self, values: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(values, reduce_op="mean")

    def _largest(self, values: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(values, reduce_op="max")
