"""What watching costs: steps a second of the ring's game in the lab, at 20 frames a second, against ``fit`` without.

    python benchmarks/lab.py [--steps 1000] [--repeats 3] [--frames 20] [--parts fake surface grid pull measures]

Both play in a process of their own, in turns; ``fit`` neither draws nor measures nor saves. The web process decodes
nothing: what a browser draws, it draws on its own. The medians and their ratio are printed.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

from lightning_gans.lab.game import PlayedGame, start_server

GAME = ["--config", "gan", "--config", "data/ring", "--trainer.max_steps", "1000000"]
_WARM = 50  # steps before the clock runs


def fit(connection: Connection, steps: int) -> None:
    """Send the steps a second of ``fit``."""
    import logging

    from lightning.pytorch import Callback, Trainer

    from lightning_gans.lab.worker import WatchedCLI

    class Clock(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == _WARM:
                self.begun = time.perf_counter()
            if trainer.global_step == _WARM + steps:
                connection.send(steps / (time.perf_counter() - self.begun))
                trainer.should_stop = True

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        cli = WatchedCLI(GAME, folder, None, [Clock()])
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)


def alone(steps: int) -> float:
    """Steps a second of ``fit``."""
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=fit, args=(theirs, steps))
    process.start()
    found: float = ours.recv()
    process.join()
    return found


def watched(steps: int, rate: float, parts: list[str]) -> tuple[float, float]:
    """Steps and frames a second in the lab."""
    game, frames = PlayedGame(GAME, parts=parts), 0
    game.play()
    while game.step < _WARM:
        game.poll()
        time.sleep(1 / rate)
    begun, first = time.perf_counter(), game.step
    while game.step < first + steps and game.state != "failed":
        frames += sum(message["kind"] == "frame" for message in game.poll())
        time.sleep(1 / rate)
    passed, done = time.perf_counter() - begun, game.step - first
    game.close()
    return done / passed, frames / passed


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--frames", type=float, default=20.0)
    parser.add_argument("--parts", nargs="+", default=["fake", "surface", "grid", "pull", "measures"])
    given = parser.parse_args()
    start_server()
    rows = [(alone(given.steps), *watched(given.steps, given.frames, given.parts)) for _ in range(given.repeats)]
    fit_speed, lab_speed, frames = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(lab / fit for fit, lab, _ in rows)
    print(f"fit {fit_speed:.0f} steps/s, lab {lab_speed:.0f} steps/s at {frames:.1f} frames/s: {ratio:.2f} of it")


if __name__ == "__main__":
    main()
