"""The process of a game in the lab: ``fit``, which stands still between updates, obeys, and shows how it stands."""

import contextlib
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from torch import Tensor
from torch.optim import Optimizer

from lightning_gans.callbacks import MetricsCallback, RunSummary, SampleGrid, ScheduledChanges, StepCheckpoint
from lightning_gans.cli.configs import resolve_config_names
from lightning_gans.cli.lightning_cli import GameCLI, settled
from lightning_gans.cli.messages import one_line, user_facing_error
from lightning_gans.engine import Game, LatentModel
from lightning_gans.errors import ConfigError
from lightning_gans.lab.frames import PointFrames, readable_losses
from lightning_gans.lab.pictures import ImageFrames

_LEFT_OUT = (MetricsCallback, SampleGrid, StepCheckpoint, RunSummary, ProgressBar)
"""Of ``fit``: what measures, draws and saves by itself; nothing of it changes the training."""
_SLOW = 5.0  # steps a second, below which each update is seen
_SAVING_SHARE, _DRAWING_SHARE = 0.05, 0.3  # of the time of a game that plays, at most
_MOST_LOSSES = 20_000  # of a player, kept until somebody looks


def work(
    connection: Connection,
    words: Sequence[str],
    folder: str,
    parts: Sequence[str],
    checkpoint: str | None,
    changes: Sequence[dict[str, Any]],
    until: int | None,
) -> None:
    """Play a game as a connection says; see ``PlayedGame``. Ends with the other side.

    Args:
        connection: Brings commands, and takes messages.
        words: The game, as ``fit``'s command line describes it.
        folder: For states, and ``output.txt`` with what is printed.
        parts: What frames show.
        checkpoint: To begin with.
        changes: Those that were made on the way.
        until: Step to go to at once, unseen.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the lab, with which this ends
    output = Path(folder) / "output.txt"
    with output.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    remote = RemoteControl(connection, folder, parts, until)
    try:
        cli = WatchedCLI(words, folder, checkpoint, [ScheduledChanges(changes), remote])
        remote.config = cli.config_text
        options = {name: cli.config_init[name] for name in cli.method_arguments}
        with cli.flags_named():
            cli.trainer.fit(cli.model, datamodule=cli.datamodule, **options)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the other side is gone
    except SystemExit:
        sys.stdout.flush()
        _say_failed(connection, remote, (output.read_text().splitlines() or ["it ended"])[-1])
    except Exception as error:
        traceback.print_exc()
        _say_failed(connection, remote, user_facing_error(error) or f"{type(error).__name__}: {one_line(error)}")


def _say_failed(connection: Connection, remote: "RemoteControl", line: str) -> None:
    with contextlib.suppress(OSError):
        connection.send({"kind": "state", "state": "failed", "step": remote.step, "error": line, "heard": 0})


class WatchedCLI(GameCLI):
    """``fit``'s command line, whose trainer writes nothing by itself and has further callbacks."""

    def __init__(
        self, words: Sequence[str], folder: str, checkpoint: str | None, callbacks: Sequence[Callback]
    ) -> None:
        self.given_folder, self.further = folder, list(callbacks)
        resumed = [] if checkpoint is None else ["--ckpt_path", checkpoint]
        command, *known = settled(resolve_config_names(["fit", *words, *resumed]))
        super().__init__(command, known)

    def before_instantiate_classes(self) -> None:
        """Describe the game as it is given, then turn off what writes."""
        super().before_instantiate_classes()
        trainer = self.config.trainer
        trainer.logger, trainer.enable_progress_bar, trainer.default_root_dir = False, False, self.given_folder

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """With the further callbacks at the end."""
        trainer = super().instantiate_trainer(**kwargs)
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined] # Lightning sets it unseen by mypy
        callbacks[:] = [each for each in callbacks if not isinstance(each, _LEFT_OUT)] + self.further
        return trainer


class RemoteControl(Callback):
    """Stands still between two steps, or before an update, as it is told, and shows how the game stands.

    A frame is made when one is asked for and something has changed since the last one.

    Args:
        connection: Brings commands, and takes messages.
        folder: For the game's states.
        parts: What frames show.
        until: Step to go to at once, unseen; None to stand still at first.
    """

    def __init__(self, connection: Connection, folder: str, parts: Sequence[str], until: int | None) -> None:
        self.connection, self.folder, self.parts = connection, Path(folder) / "states", tuple(parts)
        self.config, self.step = "", 0
        self.goal: float = until or 0  # steps after which it stands still
        self._unseen, self._updates = until or 0, None if until else 0  # updates left to play; None for whole steps
        self._pace: float | None = None
        self._next, self._stops, self._stopped = 0.0, 3, 0  # when it goes on; stops of the last step and of this one
        self._wanted, self._changed, self._heard = False, True, 0
        self._announced: tuple[str, int] | None = None
        self._pending: list[dict[str, Any]] = []
        self._losses: dict[str, list[tuple[int, Tensor]]] = {}
        self._last_frame = self._last_save = time.monotonic()
        self._frame_step, self._frame_cost, self._save_cost = 0, 0.0, 0.0

    # What Lightning calls.

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what the game is."""
        assert isinstance(pl_module, Game)
        self.game, self.trainer, self.step = pl_module, trainer, pl_module.step
        self._frame_step = self.step
        self.changes = next(each for each in trainer.callbacks[::-1] if isinstance(each, ScheduledChanges))  # type: ignore[attr-defined] # as above
        self.frames: PointFrames | ImageFrames
        if isinstance(pl_module, LatentModel) and pl_module.sample(1, ema=False).ndim == 2:
            self.frames = PointFrames(trainer, pl_module)
        else:
            self.frames = ImageFrames(trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Between two steps."""
        if self.config:
            self._say("scene", scene=self._scene(), config=self.config)
            self.config = ""
        for change in self._pending:
            self._change(**change)
        self._pending = []
        self._stops, self._stopped = max(self._stopped, 1), 0
        self._stand()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Before a player's update."""
        if self._updates is not None or (self._pace is not None and self._pace < _SLOW):
            self._stand()
        else:
            self._stopped += 1

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Keep the losses, and the state now and then."""
        self.step = self.game.step
        for player, loss in self.game.latest_losses.items():
            kept = self._losses.setdefault(player, [])
            kept.append((self.step, loss))
            del kept[:-_MOST_LOSSES]
        self.game.latest_losses.clear()
        now = time.monotonic()
        if now - self._last_save > max(1.0, self._save_cost / _SAVING_SHARE) and self.step < trainer.max_steps:
            self._save()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Answer on, until the other side goes back or ends."""
        self._unseen = 0
        while True:
            self._announce("finished")
            self._show()
            self._hear(self.connection.recv())

    # Standing and going on.

    def _stand(self) -> None:
        """Obey until it goes on."""
        while True:
            rest = self._rest()
            if rest > 0 or time.monotonic() - self._last_frame > self._frame_cost / _DRAWING_SHARE:
                self._show()
            if rest == math.inf:
                self._announce("paused")
            if self.connection.poll(None if rest == math.inf else rest):
                self._hear(self.connection.recv())
            elif rest == 0:
                break
        self._go_on()

    def _rest(self) -> float:
        """Seconds to stand still."""
        within = self.game.updating is not None
        if self._updates is not None:
            return 0 if self._updates > 0 else math.inf
        if not within and self.game.step >= self.goal:
            return math.inf
        if self._pace is None or self.game.step < self._unseen:
            return 0
        return max(0.0, self._next - time.monotonic())

    def _go_on(self) -> None:
        within = self.game.updating is not None
        self._stopped += 1
        if within and self._updates:
            self._updates -= 1
        if self._pace is not None:
            slow = self._pace < _SLOW
            stops = self._stops if slow else 1
            if slow or not within:
                behind = 0.0 if slow else 0.1  # seconds that it may catch up with
                self._next = max(self._next, time.monotonic() - behind) + 1 / self._pace / stops
        self._changed = True
        if self.game.step >= self._unseen:
            self._announce("playing")

    # What is said.

    def _say(self, kind: str, **what: Any) -> None:
        self.connection.send({"kind": kind, **what})

    def _announce(self, state: str) -> None:
        if self._announced != (state, self._heard):
            self._announced = state, self._heard
            self._say("state", state=state, step=self.game.step, error=None, heard=self._heard)

    def _scene(self) -> dict[str, Any]:
        settings = self.game.settings.present()
        players = list(dict.fromkeys(name.partition(".")[0] for name in settings if name.endswith(".plays")))
        return {"kind": self.frames.kind, "players": players, "settings": settings} | self.frames.scene()

    def _show(self) -> None:
        """Make the frame that is asked for, if it differs from the last one."""
        if not (self._wanted and self._changed) or self.game.step < self._unseen:
            return
        now, step = time.monotonic(), self.game.step
        speed = (step - self._frame_step) / max(now - self._last_frame, 1e-9)
        self._last_frame, self._frame_step = now, step
        losses, self._losses = readable_losses(self._losses), {}
        shown = {"step": step, "player": self.game.updating, "losses": losses, "steps_per_second": round(speed, 1)}
        self._wanted = self._changed = False
        settings = self.game.settings.present()  # scheduled changes change them too
        self._say("frame", **shown, **self.frames.frame(self.parts), settings=settings)
        self._frame_cost = time.monotonic() - now

    def _saved(self) -> str:
        """The path of the present state."""
        if self.game.updating is not None or self.game.step == 0:
            raise ConfigError("save", self.game.step, "a state is kept between two steps, from the first one on")
        self._save()
        return str(self.folder / f"{self.step}.ckpt")

    def _save(self) -> None:
        begun = time.monotonic()
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{self.step}.ckpt"
        self.trainer.save_checkpoint(path)
        self._last_save = time.monotonic()
        self._save_cost = self._last_save - begun
        self._say("saved", step=self.step, path=str(path))

    # What is heard.

    def _hear(self, message: dict[str, Any]) -> None:
        command = message.pop("command")
        sent = message.pop("sent")
        getattr(self, f"_do_{command}")(sent=sent, **message)

    def _do_play(self, sent: int) -> None:
        self._heard, self.goal, self._updates = sent, math.inf, None

    def _do_pause(self, sent: int) -> None:
        self._heard, self._updates = sent, 0

    def _do_advance(self, sent: int, steps: int) -> None:
        self._heard, self.goal, self._updates = sent, max(self.game.step, self._unseen) + steps, None

    def _do_advance_update(self, sent: int) -> None:
        self._heard, self._updates = sent, 1

    def _do_pace(self, sent: int, steps_per_second: float | None) -> None:
        self._pace, self._next = steps_per_second, 0.0

    def _do_show(self, sent: int, parts: Sequence[str]) -> None:
        self.parts, self._changed = tuple(parts), True

    def _do_frame(self, sent: int) -> None:
        self._wanted = True

    def _do_change(self, sent: int, setting: str, value: Any) -> None:
        if self.game.updating is None:
            self._change(setting, value)
        else:
            self._pending.append({"setting": setting, "value": value})

    def _change(self, setting: str, value: Any) -> None:
        try:
            step, *_ = self.changes.add(self.game, setting, value)
        except ConfigError as error:
            self._say("refused", line=one_line(error))
            return
        self._say("changed", step=step, setting=setting, value=value)

    def _do_request(self, sent: int, kind: str, what: dict[str, Any]) -> None:
        try:
            answer = {"path": self._saved()} if kind == "save" else self.frames.answer(kind, **what)
            self._say("answer", sent=sent, result=answer)
        except ConfigError as error:
            self._say("answer", sent=sent, error=one_line(error))
