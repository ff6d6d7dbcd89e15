"""The metrics callback's share of the wall time of the main job.

    python benchmarks/callback.py [--steps 2000]

Runs ``lightning_gans fit --config configs/wgan.yaml`` in this process with an empty cache, and prints how long
training took, how long the callback, and the callback's share; pictures and checkpoints count as training.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from lightning.pytorch import Trainer

from lightning_gans.callbacks import MetricsCallback
from lightning_gans.cli import main as lightning_gans

CONFIG = Path(__file__).parents[1] / "configs" / "wgan.yaml"


def timed(owner: type, name: str, spent: list[float]) -> None:
    """Let a method note how long each call took."""
    method = getattr(owner, name)

    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            spent.append(time.perf_counter() - start)

    setattr(owner, name, wrapper)


def main() -> None:
    """Run the main job and print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps
    evaluations: list[float] = []
    fits: list[float] = []
    timed(MetricsCallback, "_evaluate_and_log", evaluations)
    timed(Trainer, "fit", fits)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["LIGHTNING_GANS_CACHE"] = folder
        lightning_gans(["fit", "--config", str(CONFIG), "--trainer.max_steps", str(steps)])
        os.chdir("/")
    total = sum(fits)
    print(f"\n{steps} steps: {total:.1f} s, of which {len(evaluations)} evaluations {sum(evaluations):.1f} s", end="")
    print(f" ({', '.join(f'{seconds:.2f}' for seconds in evaluations)}): {sum(evaluations) / total:.1%}")


if __name__ == "__main__":
    main()
