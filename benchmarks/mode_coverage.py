"""The mode-coverage benchmark: how many modes of a ring of 8 and of a grid of 25 each method captures, and how well.

    python benchmarks/mode_coverage.py [--preset quick|standard|paper] [--data ring grid] [--methods gan pacgan ...]
                                       [--seeds 0 1 2] [--rounds N] [--jobs 2] [--folder runs/modes]

For each method, data set and seed: ``lightning_gans fit --config <method> --config data/<data> --config
protocols/pacgan`` (PacGAN's networks, latents, rates and batches: Lin et al. 2018, arXiv:1712.04086, section 4.1) on
one thread, then 10 times 2,500 samples of the averaged weights. A sample is of high quality within 3 standard
deviations of its nearest mode; a mode is captured with at least one such sample; reverse KL is that of the good
samples' histogram to uniform, in nats. Figures are means over the seeds with standard errors. What a perfect sampler, a
collapsed one and uniform noise score stands beside them. What is done is kept in the folder: an interrupted benchmark
goes on where it stopped, each run from its last checkpoint. Each run's folder holds a picture (``samples/``).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from lightning_gans import LatentGame
from lightning_gans.data import GaussianMixture2D, Grid2D, Ring2D
from lightning_gans.metrics.functional import mode_coverage

ROOT = Path(__file__).parents[1]
DATA: dict[str, Callable[[], GaussianMixture2D]] = {"ring": Ring2D, "grid": Grid2D}
ALL = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
DRAWS, SAMPLES = 10, 2_500
COLUMNS = {"modes": "modes", "high_quality": "high quality, %", "reverse_kl": "reverse KL"}


@dataclass(frozen=True)
class Preset:
    """What is trained, for how long, how often."""

    methods: tuple[str, ...]
    rounds: int
    seeds: tuple[int, ...]


PRESETS = {
    "quick": Preset(tuple(ALL), 5_000, (0,)),
    "standard": Preset(("gan", "pacgan", "r3gan", "wgan_gp", "dragan", "unrolled"), 25_000, (0, 1, 2)),
    "paper": Preset(("gan", "pacgan"), 400_000, tuple(range(10))),
}


def train(method: str, data: str, seed: int, rounds: int, folder: Path) -> float:
    """Train through the command, from the last checkpoint if there is one; returns the seconds of processor time."""
    configs = [word for name in (method, f"data/{data}", "protocols/pacgan") for word in ("--config", name)]
    run = {"--seed_everything": seed, "--trainer.default_root_dir": folder, "--trainer.max_steps": rounds}
    quiet = {"--trainer.logger": "false", "--trainer.enable_progress_bar": "false", "--metrics.every_n_rounds": 0}
    settings = [str(word) for item in {**run, **quiet, "--samples.every_n_rounds": rounds}.items() for word in item]
    last = ["--ckpt_path", "last"] if (folder / "checkpoints/last.ckpt").is_file() else []
    program = [sys.executable, "-m", "lightning_gans.cli", "fit", *configs, *settings, *last]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            program, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError(output.read().strip().rpartition("\n")[2])
    return usage.ru_utime + usage.ru_stime


def result(job: tuple[str, str, int], rounds: int, folder: Path) -> dict[str, float | str]:
    """Train and measure one run, or read what was measured before; a run that fails is reported with its last line."""
    method, data, seed = job
    run = folder / data / method / str(seed)
    path = run / f"result_{rounds}.json"
    if not path.is_file():
        try:
            seconds = train(method, data, seed, rounds, run)
        except RuntimeError as error:
            print(f"{method} on {data}, seed {seed}: failed: {error}", file=sys.stderr)
            return {"failed": str(error)}
        model = LatentGame.load_from_checkpoint(run / "checkpoints/last.ckpt", map_location="cpu")
        found = measure(lambda draw: model.sample(SAMPLES, seed=draw), DATA[data]())
        path.write_text(json.dumps(found | {"seconds": seconds}))
        print(f"{method} on {data}, seed {seed}: {found}", file=sys.stderr)
    known: dict[str, float | str] = json.loads(path.read_text())
    return known


def measure(sample: Callable[[int], Tensor], data: GaussianMixture2D) -> dict[str, float]:
    """Means over ten sets of 2,500 samples; quality in percent."""
    found = [mode_coverage(sample(draw), data.means, data.std) for draw in range(DRAWS)]
    means = {name: statistics.mean(float(getattr(each, name)) for each in found) for name in COLUMNS}
    return means | {"high_quality": 100 * means["high_quality"]}


def references(data: GaussianMixture2D) -> dict[str, dict[str, float]]:
    """What needs no training: the distribution itself, one of its modes, and uniform noise over all of them."""

    def perfect(draw: int) -> Tensor:
        generator = torch.Generator().manual_seed(draw)
        modes = torch.randint(len(data.means), (SAMPLES,), generator=generator)
        return data.means[modes] + data.std * torch.randn(SAMPLES, 2, generator=generator, dtype=torch.float64)

    def collapsed(draw: int) -> Tensor:
        return perfect(draw) * 0 + data.means[0]

    def noise(draw: int) -> Tensor:
        reach = float(data.means.abs().max()) + 3 * data.std
        points = torch.rand(SAMPLES, 2, generator=torch.Generator().manual_seed(draw), dtype=torch.float64)
        return (2 * points - 1) * reach

    samplers = {"a perfect sampler": perfect, "one mode alone": collapsed, "uniform noise": noise}
    return {name: measure(sampler, data) for name, sampler in samplers.items()}


def spread(values: list[float]) -> str:
    """Mean and standard error; a dash where a figure is undefined, as the divergence without a good sample is.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        '2 ± 0.58'
    """
    if any(math.isnan(value) for value in values):
        return "-"
    mean = f"{statistics.mean(values):.3g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values) / len(values) ** 0.5:.2g}"


def table(results: dict[tuple[str, str, int], dict[str, float | str]], data: str) -> str:
    """The results on one data set as Markdown: most modes first, then best quality."""
    lines = [f"| method on the {data} | " + " | ".join(COLUMNS.values()) + " | seconds |", "|---" * 5 + "|"]
    rows: dict[str, list[dict[str, float | str]]] = {}
    for (method, name, _), found in results.items():
        if name == data:
            rows.setdefault(method, []).append(found)
    whole = {method: found for method, found in rows.items() if not any("failed" in each for each in found)}

    def mean(method: str, column: str) -> float:
        return statistics.mean(float(each[column]) for each in whole[method])

    for method in sorted(whole, key=lambda method: (-mean(method, "modes"), -mean(method, "high_quality"))):
        cells = [spread([float(each[column]) for each in whole[method]]) for column in (*COLUMNS, "seconds")]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    lines += [f"| {m} | failed: {e['failed']} | | | |" for m in rows for e in rows[m] if "failed" in e]
    for name, found in references(DATA[data]()).items():
        lines.append(f"| *{name}* | " + " | ".join(spread([found[column]]) for column in COLUMNS) + " | |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, print a table for each data set, keep everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--methods", nargs="+", choices=ALL)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--folder", type=Path, default=Path("runs/modes"))
    given = parser.parse_args()
    preset = PRESETS[given.preset]
    methods, seeds = given.methods or preset.methods, given.seeds or preset.seeds
    rounds = given.rounds or preset.rounds
    jobs = list(product(methods, given.data, seeds))
    with ThreadPoolExecutor(given.jobs) as pool:
        done = pool.map(lambda job: result(job, rounds, given.folder), jobs)
        results = dict(zip(jobs, done, strict=True))
    everything = [dict(zip(("method", "data", "seed"), job, strict=True)) | found for job, found in results.items()]
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / f"results_{given.preset}.json").write_text(json.dumps(everything, indent=1))
    for data in given.data:
        print(table(results, data), end="\n\n")


if __name__ == "__main__":
    main()
