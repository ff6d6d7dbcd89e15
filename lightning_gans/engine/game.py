"""The engine: who is updated when, with which gradients, noise and bookkeeping; nothing that differs between papers."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Self

import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_gans.batch import Batch, split_batch
from lightning_gans.engine import checks, saving
from lightning_gans.engine.changes import Settings
from lightning_gans.engine.checks import DivergedError, GradientMonitor
from lightning_gans.engine.compilation import compilation_refused, compile_networks
from lightning_gans.engine.ema import EMA
from lightning_gans.engine.logging import LossBuffer, log_metrics
from lightning_gans.engine.migration import KEY, migrated
from lightning_gans.engine.optimization import BaseOptimization, optimization_of
from lightning_gans.engine.phase import Phase, Timeline
from lightning_gans.engine.player import Player
from lightning_gans.engine.priors import Distribution
from lightning_gans.engine.processes import all_reduce_mean, no_sync, zero_missing_gradients
from lightning_gans.engine.progress import replace_default_bar
from lightning_gans.engine.rng import StepRNG
from lightning_gans.engine.roster import Roster, counted_once
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Clock, Ramp

_PREPARING = 2**20  # where a player's number stands in the coordinates of random numbers


class Game(LightningModule):
    """A game of named players: in each step, those that are due minimize their losses in turn, the others stand still.

    One batch is one step is one ``training_step``: ``trainer.global_step`` advances by exactly one whatever the number
    of players. A variant says who plays (``players``) and what each minimizes; the order of updates, freezing, gradient
    exchange, clipping, micro-batches, precision, averaging, randomness and logging are here.

    Args:
        optimization: How the players learn; what it leaves open is the class's ``defaults``.
        phases: Phases of the run, in their order, as objects or plain data; none for one that lasts all the time.
        max_abs_loss: A loss beyond it, in absolute value, counts as exploded, as one that is not a number does.

    Raises:
        ConfigError: A setting is out of its range.
    """

    defaults: ClassVar[BaseOptimization] = BaseOptimization(
        ema_decay=0.0, micro_batches=1, compile=False, decay_begin=1.0, ema_half_life=0.0, ema_ramp=0.0
    )
    """How the players of this class learn unless it is said otherwise: each default stands here, once."""
    given: Sequence[str] = ()
    """The parts of the condition that the model uses: fields of ``Condition``."""
    image_range: tuple[float, float] | None = (-1.0, 1.0)
    """The range that images must lie in, as decision of a class; None for any. Points have none."""
    num_classes: int | None = None
    """Number of classes, where labels are given."""
    training_only: ClassVar[Sequence[str]] = ()
    """Arguments that no generating needs, and that may be None: the files that they name may be elsewhere then."""

    def __init__(
        self, *, optimization: BaseOptimization = defaults, phases: Sequence[Any] = (), max_abs_loss: float = 1e8
    ) -> None:
        super().__init__()
        self._objects = saving.save_arguments(self, inspect.currentframe())
        self.automatic_optimization = False
        if not max_abs_loss > 0:
            raise ConfigError("max_abs_loss", max_abs_loss, "must be positive")
        self.optimization: Any = optimization_of(optimization, self.defaults)
        self._timeline = Timeline(phases)
        self.ema: EMA | None = None
        self.step = 0
        self.images_shown = 0
        """Real images that all processes together were shown, each as often as it was; kept in the checkpoint."""
        self.seed: int | None = None
        self._rng = StepRNG(seed=0)
        self._roster = Roster([])
        self.updating: str | None = None
        """Name of the player who is being updated; None between updates."""
        self.latest_losses: dict[str, Tensor] = {}
        """The loss of each player's latest update, a scalar: not read yet, so that no step waits for the device."""
        self._batch_size = 0  # of the present step, over all processes
        self._first = True  # the next step is the first of this fit
        self._resumed: dict[str, Any] | None = None  # what was loaded, until training begins
        self._epoch: int | None = None  # that of the last step of this fit
        self._monitor = GradientMonitor()
        self._buffer = LossBuffer(max_abs_loss)
        self.on_divergence: Callable[[DivergedError], None] | None = None
        self.logging_due = False
        """Whether this step is logged; guards what is computed for the log alone."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse defaults that the constructor's signature would not show, and a base's would win over."""
        super().__init_subclass__(**kwargs)
        argument = inspect.signature(cls.__init__).parameters.get("optimization")
        if "defaults" in cls.__dict__ and (argument is None or argument.default is not cls.defaults):
            hint = "name them in the constructor too: def __init__(self, *args, optimization=defaults, **kwargs)"
            raise ConfigError(f"{cls.__name__}.defaults", type(cls.defaults).__name__, hint)

    # What a variant says.

    def players(self) -> list[Player]:
        """Who plays, in the order of their updates. Called once, when the optimizers are built."""
        raise NotImplementedError(f"{type(self).__name__} must say who plays: override players()")

    def ema_modules(self) -> dict[str, nn.Module]:
        """The modules that the moving average covers, by name: what generates, never what discriminates."""
        return {}

    def prepare(self, batch: Any) -> Batch:
        """A user's batch as losses take it: with what the model is given, and nothing else.

        Raises:
            ConfigError: Something that the model is given is missing, or images are no floats.
        """
        found = Batch.of(batch)
        for name, part in (("images", found.image), ("sources", found.condition.source)):
            if part is not None and not part.is_floating_point():
                hint = "networks take floats in [-1, 1]; images.from_uint8 makes them"
                raise ConfigError("batch", f"{name} of {part.dtype}", hint)
        return found._replace(condition=found.condition.only(self.given))

    # What a loss may use.

    def rand(self, distribution: Distribution, n: int, *shape: int) -> Tensor:
        """Random numbers (n, *shape), a function of (seed, step, player, draw): the one source of noise in a loss.

        Args:
            distribution: ``torch.randn``, ``torch.rand`` or a prior.
            n: Number of rows: samples of the present batch or micro-batch.
            shape: Shape of a row.
        """
        return self._rng.rand(distribution, n, *shape, device=self.device).type(self.dtype)

    def log_value(self, name: str, value: Tensor | float) -> None:
        """Log the mean of a value under a name, when logging is due; costs nothing when it is not."""
        if self.logging_due:
            self._buffer.values[name] = torch.as_tensor(value, device=self.device).detach().float().mean()

    @property
    def phases(self) -> list[Phase]:
        """The phases of the run, in their order."""
        return self._timeline.phases

    @property
    def phase(self) -> Phase | None:
        """The phase that the run is in; None for a game without phases."""
        return self._timeline.phase_at(self.step)

    # What may change in the course of training.

    @property
    def settings(self) -> Settings:
        """What may be changed between two steps, such as ``generator.lr``, while the game is being trained."""
        return Settings(self, self._roster)

    # The step, in the order in which it happens.

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Update each player that is due, on one batch."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
        done = self.trainer.global_step + 1
        self.logging_due = every > 0 and (done % every == 0 or done == self.trainer.max_steps)
        self._buffer.values = {}
        self._rng.seed_all(self.step, self.device)
        self._rng.seek(self.step, _PREPARING)
        prepared = self.prepare(batch)
        if self._first:
            checks.require_fitting_parts(prepared, next(self.parameters()).dtype)
        if self.logging_due or self._first:
            limits = self.image_range, self.num_classes
            checks.require_values_in_range(prepared, *limits, self.trainer.strategy, advising=self._first)
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        phase, self._batch_size = self.phase, prepared.size * self.trainer.world_size
        explained = checks.shapes_explained(self, prepared) if self._first else nullcontext()
        with compilation_refused(self.optimization.compile), explained, counted_once(optimizers):
            for index, player in enumerate(self._roster.players):
                if player.phase in (None, phase and phase.name) and player.is_due(self.step):
                    for update in range(player.updates):
                        self._update(index, update, optimizers[self._roster.slots[index]], prepared)
        self.step += 1
        self.images_shown += self._batch_size
        self._first, self._epoch = False, self.trainer.current_epoch
        self._buffer.images += self._batch_size
        if self.logging_due:
            self._log_step()

    def _update(self, index: int, update: int, optimizer: LightningOptimizer, batch: Batch) -> None:
        """One update: the others frozen, gradients of all micro-batches and processes averaged, one optimizer step."""
        roster, parts = self._roster, self.optimization.micro_batches
        player, owned, others = roster.players[index], roster.owned[index], roster.others[index]
        self.updating = player.name
        total = torch.zeros((), device=self.device)
        clock = self._clock(roster.owner(index))
        roster.set_ramps(index, clock.progress)
        try:
            for p in others:  # ten times as fast as Lightning's toggle_optimizer
                p.requires_grad = False
            for number, part in enumerate(split_batch(batch, parts)):
                self._rng.seek(self.step, index, number, update)
                loss = self._loss(index, update, part) / parts
                if not loss.requires_grad:
                    raise checks.without_gradient(player.name)
                with no_sync(self.trainer.strategy):
                    self.manual_backward(loss if player.shares is None else loss * player.interval)
                total = total + loss.detach()
            if player.shares is not None:  # a term that leaves parameters out counts as an update of them all
                zero_missing_gradients(owned)
            elif self.logging_due or not self._monitor.seen_before(player.name):
                self._monitor.update(player.name, owned, self)
            all_reduce_mean(owned, roster.statistics)
            optimizer.step()  # calls on_before_optimizer_step
            optimizer.zero_grad(set_to_none=True)
        finally:
            self.updating = None
            for p in others:
                p.requires_grad = True
        if player.project is not None:
            with torch.no_grad():
                player.project()
        if (scheduler := roster.schedulers[index]) is not None:
            scheduler.step()
        if self.ema is not None and player.shares is None:
            self.ema.update(roster.averaged[index], self.optimization.ema_decay_at(clock))
        self._buffer.add_loss(player.name, total)
        self.latest_losses[player.name] = total

    def _loss(self, index: int, update: int, batch: Batch) -> Tensor:
        """A player's loss, with what the regularizers of its critics add."""
        player = self._roster.players[index]
        log = self.log_value if self.logging_due else None
        for critic, owner in self._roster.critics:
            critic.begin(self._clock(owner, update if owner == index else 0), self.rand, log, owner == index)
        try:
            loss = player.loss(batch)
            for critic in (*player.critics, *player.against):
                if (added := critic.settle(player.name)) is not None:
                    loss = loss + added
            return loss
        finally:
            for critic, _ in self._roster.critics:
                critic.end()  # a game that kept their graphs could not be copied

    def _clock(self, index: int, update: int = 0) -> Clock:
        """Where the run is for a player: in its own phase, if it has one."""
        player = self._roster.players[index]
        begin, end = self._timeline.span(player.phase)
        progress = min(max((self.step - begin) / max(end - begin, 1), 0.0), 1.0)
        updates = player.updates_before(self.step, begin) + update
        return Clock(self.step, updates, progress, self.images_shown, self._batch_size)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Measure and clip the player's gradient: here it is unscaled, in every precision."""
        index = self._roster.names.index(self.updating or "")
        player, owned = self._roster.players[index], self._roster.owned[index]
        if not (self.logging_due or player.clip is not None):
            return
        norm = nn.utils.get_total_norm([p.grad for p in owned if p.grad is not None])
        self.log_value(f"grad_norm/{player.name}", norm)
        if player.clip is not None:
            nn.utils.clip_grads_with_norm_(owned, player.clip, norm)

    def _log_step(self) -> None:
        """Log what was collected; one exchange between processes, one wait for the device, only when due."""
        self.check_finite_losses()
        values = self._buffer.flush(self.trainer.strategy)
        for player in self._roster.players:
            self._monitor.warn(player.name, values.get(f"grad_norm/{player.name}"))
            if player.shares is None:
                values[f"lr/{player.name}"] = float(self.optimizer_of(player.name).param_groups[0]["lr"])
        shown = [name for name in values if name.startswith("loss/")]
        log_metrics(self.trainer, values, prog_bar=[*shown, "images_per_second"])

    def on_train_batch_end(self, *_: Any) -> None:
        """Seed the generators that the next batch is loaded and augmented with, whatever the callbacks drew."""
        self._rng.seed_all(self.step, self.device, loading=True)

    # Guards.

    def check_finite_losses(self) -> None:
        """Check the losses of all updates since the last check; collective, and waits for the device.

        Raises:
            NonFiniteLossError: One of them was not a number, or exploded; names the player that lost it first.
        """
        self._raise_unless_handled(self._buffer.check_finite(self.trainer.strategy, self.step))

    def check_finite_state(self) -> None:
        """Check losses and weights, before they are saved over the last good ones.

        Raises:
            DivergedError: Some are not numbers.
        """
        self._raise_unless_handled(self._divergence())

    def _raise_unless_handled(self, error: DivergedError | None) -> None:
        if error is not None:
            if self.on_divergence is None:
                raise error
            self.on_divergence(error)

    def _divergence(self) -> DivergedError | None:
        if (error := self._buffer.check_finite(self.trainer.strategy, self.step)) is not None:
            return error
        return checks.non_finite_weights(self)

    # What Lightning asks for, in the order in which it does.

    def configure_callbacks(self) -> list[Callback]:
        """None; but this is where Lightning first asks: a trainer that cannot play is refused early, and gets a bar."""
        checks.mute_what_is_no_news()
        if self.trainer.state.fn == "fit":
            checks.require_supported(self.trainer)
            replace_default_bar(self.trainer)
        return []

    def configure_model(self) -> None:
        """Create the moving average, once; Lightning calls this before training and before loading weights.

        In the run's precision already: Lightning would load float64 weights into a float32 model, and convert it then.
        """
        if self._trainer is not None:
            self._trainer.precision_plugin.convert_module(self)
        if self.ema is None and self.optimization.averages and (modules := self.ema_modules()):
            self.ema = EMA(modules)

    def configure_optimizers(self) -> Any:
        """One optimizer a player that has its own, in the order of ``players``; with its scheduler, if it has one."""
        self._roster = Roster(self.players(), self.ema_modules(), [phase.name for phase in self.phases])
        needs_horizon = self._roster.needs_horizon or isinstance(self.optimization.ema_half_life, Ramp)
        if self.phases or needs_horizon:
            self._timeline.settle(float(self.trainer.estimated_stepping_batches))
        if needs_horizon and self._timeline.horizon == float("inf"):
            hint = "ramps and schedules without a length (T_max, ...) go by that of the run, which has no end; set it"
            raise ConfigError("trainer.max_steps", -1, hint)
        return self._roster.build_optimizers(self._updates_of)

    def _updates_of(self, player: Player) -> int:
        """How many updates a player has in the whole run, at least one."""
        begin, end = self._timeline.span(player.phase)
        return max(1, player.updates_before(int(end), begin))

    def on_fit_start(self) -> None:
        """Agree on the seed: the run's, the same on all processes; a resumed run keeps the one it began with."""
        trainer = self.trainer
        if self.seed is None:
            self.seed = int(trainer.strategy.broadcast(torch.initial_seed()))
        self._rng = StepRNG(self.seed, trainer.global_rank, trainer.world_size, self.optimization.micro_batches)
        self._rng.seed_all(self.step, self.device, loading=True)
        self._buffer.restart_clock()
        self._first, self._epoch, self._monitor = True, None, GradientMonitor()
        if self.optimization.compile:
            compile_networks(module for player in self._roster.players for module in player.modules)

    def on_train_start(self) -> None:
        """Take the present settings where they differ from a checkpoint's; tell when the data start over."""
        checks.warn_about_loaders(self.trainer)
        if self._resumed is not None:
            self.override_optimizer_settings(self._resumed)
            self._resumed = None

    def override_optimizer_settings(self, checkpoint: dict[str, Any]) -> None:
        """Let the settings of optimizers and schedulers win over those that a loaded checkpoint was trained with."""
        begins = [self._timeline.span(player.phase)[0] for player in self._roster.players]
        saving.override_optimizer_settings(self._roster, self.trainer.strategy.optimizers, checkpoint, begins)

    def optimizer_of(self, player: str) -> Optimizer:
        """The optimizer of a player, by name, as it is in training.

        Raises:
            ConfigError: No trainer has built it.
        """
        if self._trainer is None:
            raise ConfigError(player, "no optimizer", "this loss needs it, and trainer.fit alone builds it")
        return self.trainer.strategy.optimizers[self._roster.slots[self._roster.names.index(player)]]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing per batch: a game is evaluated by what it generates (see the metrics callback)."""

    test_step = validation_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the game's counters; refuse to write weights that are not numbers over the last good ones."""
        if (error := self._divergence()) is not None:
            raise error
        if self._epoch is not None:
            saving.rewind_to_step_end(checkpoint, self._epoch)
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        counters = {"step": self.step, "seed": self.seed, "losses": self._buffer.last_losses}
        counters["images"] = self.images_shown
        plan = {"settings": self._roster.settings, "boundaries": self._timeline.boundaries}
        checkpoint[KEY] = {"class": kind, "objects": self._objects, **counters, **plan}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take back the game's counters."""
        counters = migrated(checkpoint)[KEY]
        self.step, self.seed = counters["step"], counters["seed"]
        self.images_shown = counters.get("images", 0)  # not counted before 0.2
        self._buffer.last_losses, self._timeline.boundaries = dict(counters["losses"]), counters["boundaries"]
        if self._trainer is not None and self._trainer.state.fn == "fit":
            self._resumed = saving.resume_state(checkpoint)
            saving.reconcile_ema(checkpoint["state_dict"], self.state_dict(keep_vars=True))

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """Load a game from its checkpoint, as Lightning does; one of version 0.1 too.

        What the command line wrote describes itself. A game that was built in Python needs the objects it was built
        from again (``generator=..., discriminator=...``): code is not stored in checkpoints.

        Further arguments of the class replace or complete those in the checkpoint.

        Raises:
            ConfigError: It was not written by this package, is damaged, or objects that it needs were not given.
        """
        kind, file = saving.loadable(checkpoint_path, cls, kwargs)
        return super(Game, kind).load_from_checkpoint(file, *args, **kwargs)
