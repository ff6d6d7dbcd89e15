"""The mode-coverage benchmark: how many modes of a ring of 8 and of a grid of 25 each method captures, and how well.

    python benchmarks/mode_coverage.py [--preset quick|standard|paper] [--protocol pacgan|unrolled|points]
                                       [--data ring grid] [--methods gan pacgan ...] [--seeds 0 1 2] [--rounds N]
                                       [--jobs 2] [--folder runs/modes]

For each method, data set and seed: ``lightning_gans fit --config <method> --config data/<data> --config
protocols/<protocol>`` on one thread, then 10 times 2,500 samples of the averaged weights. The protocol says networks,
latents, rates and batches: PacGAN's (Lin et al. 2018, arXiv:1712.04086, section 4.1), Unrolled GAN's (Metz et al. 2017,
arXiv:1611.02163), or what trains best here, whose rates fall to 0 within 25,000 rounds. A sample is of high quality
within 3 standard deviations of its nearest mode; a mode is captured with at least one such sample; reverse KL is that
of the good samples' histogram to uniform, in nats; spread is their width around the modes over that of a perfect
sampler. Figures are means over the seeds with standard errors. Published figures stand beside them, and those of a
perfect sampler, a collapsed one and uniform noise.

What is done is kept in the folder: an interrupted benchmark goes on where it stopped, each run from its last
checkpoint. There are the tables (``<protocol>_<rounds>.md``), all figures (``.json``), and a picture of every
method's samples for each data set (``.png``).
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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lightning_gans import LatentGame
from lightning_gans.core import Conditional
from lightning_gans.data import GaussianMixture2D, Grid2D, Ring2D
from lightning_gans.metrics.functional import mode_coverage, mode_spread

ROOT = Path(__file__).parents[1]
DATA: dict[str, Callable[[], GaussianMixture2D]] = {"ring": Ring2D, "grid": Grid2D}
ALL = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
PROTOCOLS = ("pacgan", "unrolled", "points")
OWN = {"infogan": ["--model.latent_dim", "14"]}
"""What a method needs besides: InfoGAN's codes, 10 categories and 2 numbers, stand beside two latents of noise."""
DRAWS, SAMPLES = 10, 2_500
COLUMNS = {"modes": "modes", "high_quality": "high quality, %", "reverse_kl": "reverse KL", "spread": "spread"}

_PACGAN = "Lin et al. 2018"  # this protocol, 400,000 rounds
_VEEGAN = "Srivastava et al. 2017"  # other networks and rates
PUBLISHED: dict[str, list[tuple[str, str, float, float, float]]] = {
    "ring": [
        ("GAN", _PACGAN, 6.3, 98.2, 0.45),
        ("ALI", _PACGAN, 6.6, 97.6, 0.36),
        ("PacGAN2", _PACGAN, 7.9, 95.6, 0.07),
        ("PacGAN3", _PACGAN, 7.8, 97.7, 0.10),
        ("PacGAN4", _PACGAN, 7.8, 95.9, 0.07),
        ("GAN", _VEEGAN, 1.0, 99.3, math.nan),
        ("ALI", _VEEGAN, 2.8, 0.13, math.nan),
        ("Unrolled", _VEEGAN, 7.6, 35.6, math.nan),
        ("VEEGAN", _VEEGAN, 8.0, 52.9, math.nan),
    ],
    "grid": [
        ("GAN", _PACGAN, 17.3, 94.8, 0.70),
        ("ALI", _PACGAN, 24.1, 95.7, 0.14),
        ("PacGAN2", _PACGAN, 23.8, 91.3, 0.13),
        ("PacGAN3", _PACGAN, 24.6, 94.2, 0.06),
        ("PacGAN4", _PACGAN, 24.8, 93.6, 0.04),
        ("GAN", _VEEGAN, 3.3, 0.5, math.nan),
        ("ALI", _VEEGAN, 15.8, 1.6, math.nan),
        ("Unrolled", _VEEGAN, 23.6, 16.0, math.nan),
        ("VEEGAN", _VEEGAN, 24.6, 40.0, math.nan),
    ],
}
"""Method, source, modes, high quality in percent, reverse KL (not given in the second source)."""

Job = tuple[str, str, int]
"""Method, data, seed."""
Found = dict[str, float | str]
"""What a run gave."""


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


def train(job: Job, protocol: str, rounds: int, folder: Path) -> float:
    """Train through the command, from the last checkpoint if there is one; returns the seconds of processor time."""
    method, data, seed = job
    configs = [word for name in (method, f"data/{data}", f"protocols/{protocol}") for word in ("--config", name)]
    run = {"--seed_everything": seed, "--trainer.default_root_dir": folder, "--trainer.max_steps": rounds}
    quiet = {"--trainer.logger": "false", "--trainer.enable_progress_bar": "false", "--metrics.every_n_rounds": 0}
    settings = [str(word) for item in {**run, **quiet, "--samples.every_n_rounds": rounds}.items() for word in item]
    last = ["--ckpt_path", "last"] if (folder / "checkpoints/last.ckpt").is_file() else []
    program = [sys.executable, "-m", "lightning_gans.cli", "fit", *configs, *OWN.get(method, []), *settings, *last]
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


def result(job: Job, protocol: str, rounds: int, folder: Path) -> Found:
    """Train and measure one run, or read what was measured before; a run that fails is reported with its last line."""
    run = folder_of(job, protocol, rounds, folder)
    path = run / "result.json"
    if not path.is_file():
        try:
            seconds = train(job, protocol, rounds, run)
        except RuntimeError as error:
            print(f"{job}: failed: {error}", file=sys.stderr)
            return {"failed": str(error)}
        model = loaded(run)
        found = measure(lambda draw: model.sample(SAMPLES, seed=draw), DATA[job[1]]())
        path.write_text(json.dumps(found | {"seconds": seconds, "labels": isinstance(model, Conditional)}))
        print(f"{job}: {found}", file=sys.stderr)
    known: Found = json.loads(path.read_text())
    return known


def folder_of(job: Job, protocol: str, rounds: int, folder: Path) -> Path:
    """Where a run is kept."""
    method, data, seed = job
    return folder / f"{protocol}_{rounds}" / data / method / str(seed)


def loaded(run: Path) -> LatentGame:
    """The model at the end of a run."""
    return LatentGame.load_from_checkpoint(run / "checkpoints/last.ckpt", map_location="cpu")


def measure(sample: Callable[[int], Tensor], data: GaussianMixture2D) -> dict[str, float]:
    """Means over ten sets of 2,500 samples; quality in percent."""
    found = []
    for draw in range(DRAWS):
        given = sample(draw), data.means, data.std
        found.append(mode_coverage(*given)._asdict() | {"spread": mode_spread(*given)})
    means = {name: statistics.mean(float(each[name]) for each in found) for name in COLUMNS}
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


def with_error(values: list[float]) -> str:
    """Mean and standard error; a dash where a figure is undefined, as the divergence without a good sample is.

    Example:
        >>> with_error([1.0, 2.0, 3.0])
        '2 ± 0.58'
    """
    if any(math.isnan(value) for value in values):
        return "-"
    mean = f"{statistics.mean(values):.3g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values) / len(values) ** 0.5:.2g}"


def row(name: str, found: list[Found]) -> str:
    """A line of a table: means over runs."""
    columns = [*COLUMNS, "seconds"]
    cells = [with_error([float(each[column]) for each in found]) if column in found[0] else "" for column in columns]
    return f"| {name} | " + " | ".join(cells) + " |"


def table(results: dict[Job, Found], data: str) -> str:
    """The results on one data set as Markdown: most modes first, then best quality; a star where labels were given."""
    lines = [f"| method on the {data} | {' | '.join(COLUMNS.values())} | seconds |", "|---" * (len(COLUMNS) + 2) + "|"]
    runs: dict[str, list[Found]] = {}
    for (method, name, _), found in results.items():
        if name == data:
            runs.setdefault(method, []).append(found)
    whole = {method: found for method, found in runs.items() if not any("failed" in each for each in found)}

    def rank(method: str) -> tuple[float, ...]:
        return tuple(-statistics.mean(float(each[column]) for each in whole[method]) for column in list(COLUMNS)[:2])

    lines += [
        row(method + ("*" if whole[method][0]["labels"] else ""), whole[method]) for method in sorted(whole, key=rank)
    ]
    lines += [f"| {m} | failed: {e['failed']} |" + " |" * len(COLUMNS) for m in runs for e in runs[m] if "failed" in e]
    lines += [row(f"*{name}*", [dict(found)]) for name, found in references(DATA[data]()).items()]
    for name, source, *figures in PUBLISHED[data]:
        lines.append(row(f"*{name}, {source}*", [dict(zip(COLUMNS, figures, strict=False))]))
    return "\n".join(lines)


def picture(runs: dict[str, Path], data: str, path: Path) -> None:
    """Draw 2,500 samples of each method's run, blue, and the modes, red circles."""
    columns = min(6, len(runs))
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    means = DATA[data]().means
    reach = 1.25 * float(means.abs().max())
    for index, (method, run) in enumerate(runs.items(), start=1):
        axes = figure.add_subplot(rows, columns, index)
        axes.scatter(means[:, 0], means[:, 1], s=60, facecolors="none", edgecolors="#c8321e", linewidths=0.8)
        x, y = loaded(run).sample(SAMPLES).unbind(1)
        axes.scatter(x, y, s=1, color="#17375e", linewidths=0)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        axes.set_title(method, fontsize=9)
    figure.savefig(path)


def main() -> None:
    """Train what is missing; print a table for each data set; keep tables, figures and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="pacgan")
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
        done = pool.map(lambda job: result(job, given.protocol, rounds, given.folder), jobs)
        results = dict(zip(jobs, done, strict=True))
    given.folder.mkdir(parents=True, exist_ok=True)
    everything = [dict(zip(("method", "data", "seed"), job, strict=True)) | found for job, found in results.items()]
    name = f"{given.protocol}_{rounds}"
    (given.folder / f"{name}.json").write_text(json.dumps(everything, indent=1))
    tables = "\n\n".join(table(results, data) for data in given.data)
    (given.folder / f"{name}.md").write_text(tables + "\n")
    print(tables)
    for data in given.data:
        runs = {method: folder_of((method, data, seeds[0]), given.protocol, rounds, given.folder) for method in methods}
        trained = {method: run for method, run in runs.items() if "failed" not in results[method, data, seeds[0]]}
        if trained:
            picture(trained, data, given.folder / f"{name}_{data}.png")


if __name__ == "__main__":
    main()
