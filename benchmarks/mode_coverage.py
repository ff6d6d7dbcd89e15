"""The mode-coverage benchmark: how many modes of a ring of 8, a grid of 25 and stacked MNIST's 1,000 a method captures.

    python benchmarks/mode_coverage.py [--preset quick|standard|paper] [--protocol pacgan|unrolled|points]
                                       [--data ring grid] [--methods gan pacgan ...] [--seeds 0 1 2] [--steps N]
                                       [--jobs 2] [--folder runs/modes] [--fit ARGS ...]
    python benchmarks/mode_coverage.py --protocol stacked_mnist --methods dcgan pacgan --root data ...

For each method, data set and seed: ``lightning_gans fit --config <method> --config data/<data> --config
protocols/<protocol>`` on one thread, then samples of the averaged weights. The protocol says networks, latents, rates
and batches: PacGAN's (Lin et al. 2018, arXiv:1712.04086, section 4.1), Unrolled GAN's (Metz et al. 2017,
arXiv:1611.02163), what trains best here, whose rates fall to 0 with the last step, and for stacked MNIST DCGAN's.

In the plane these are 10 times 2,500 samples. A sample is of high quality within 3 standard deviations of its nearest
mode; a mode is captured with at least one such sample; reverse KL is that of the good samples' histogram to uniform, in
nats; spread is their width around the modes over that of a perfect sampler. On stacked MNIST, 26,000 samples go through
the classifier, channel by channel. Figures are means over the seeds with standard errors. Beside them stand published
figures and those of what needs no training. ``--fit`` is passed on to every ``fit``.

What is done is kept in the folder: an interrupted benchmark goes on where it stopped, each run from its last
checkpoint (its seconds are then those of the last part). There are the tables (``<protocol>_<steps>.md``), all figures
(``.json``), and a picture of every method's samples for each data set (``.png``).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Protocol

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lightning_gans import LatentModel
from lightning_gans.data import GaussianMixture2D, Grid2D, Ring2D, StackedMNIST
from lightning_gans.engine import is_class_conditional
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import mode_coverage, mode_spread
from lightning_gans.figures.grids import image_grid
from lightning_gans.images import to_uint8

ROOT = Path(__file__).parents[1]
ALL = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml") if "Digit" in path.read_text())
PLANE = ("ring", "grid")
PROTOCOLS = {"pacgan": PLANE, "unrolled": PLANE, "points": PLANE, "stacked_mnist": ("stacked_mnist",)}
"""What data each protocol is for."""
OWN = {
    ("pacgan", "infogan"): ["--model.latent_dim", "14"],
    ("points", "infogan"): ["--model.latent_dim", "14"],
    ("pacgan", "pacgan"): ["--data.batch_size", "200"],
    ("stacked_mnist", "pacgan"): ["--data.batch_size", "128"],
}
"""What a method needs besides: InfoGAN's codes, 10 categories and 2 numbers, stand beside two latents of noise; a batch
of PacGAN's is a number of packs, as in its authors' code."""
COLUMNS = {"modes": "modes", "high_quality": "high quality, %", "reverse_kl": "reverse KL", "spread": "spread"}

_PACGAN = "Lin et al. 2018"  # PacGAN's protocol, 400,000 steps
_VEEGAN = "Srivastava et al. 2017"  # other networks and rates
PUBLISHED: dict[str, list[tuple[str, str, float, float | None, float | None]]] = {
    "ring": [
        ("GAN", _PACGAN, 6.3, 98.2, 0.45),
        ("ALI", _PACGAN, 6.6, 97.6, 0.36),
        ("PacGAN2", _PACGAN, 7.9, 95.6, 0.07),
        ("PacGAN3", _PACGAN, 7.8, 97.7, 0.10),
        ("PacGAN4", _PACGAN, 7.8, 95.9, 0.07),
        ("GAN", _VEEGAN, 1.0, 99.3, None),
        ("ALI", _VEEGAN, 2.8, 0.13, None),
        ("Unrolled", _VEEGAN, 7.6, 35.6, None),
        ("VEEGAN", _VEEGAN, 8.0, 52.9, None),
    ],
    "grid": [
        ("GAN", _PACGAN, 17.3, 94.8, 0.70),
        ("ALI", _PACGAN, 24.1, 95.7, 0.14),
        ("PacGAN2", _PACGAN, 23.8, 91.3, 0.13),
        ("PacGAN3", _PACGAN, 24.6, 94.2, 0.06),
        ("PacGAN4", _PACGAN, 24.8, 93.6, 0.04),
        ("GAN", _VEEGAN, 3.3, 0.5, None),
        ("ALI", _VEEGAN, 15.8, 1.6, None),
        ("Unrolled", _VEEGAN, 23.6, 16.0, None),
        ("VEEGAN", _VEEGAN, 24.6, 40.0, None),
    ],
    "stacked_mnist": [
        ("DCGAN", _PACGAN, 78.9, None, 4.50),
        ("PacDCGAN2", _PACGAN, 1000.0, None, 0.06),
        ("VEEGAN", _VEEGAN, 150.0, None, 2.95),
        ("Unrolled", _VEEGAN, 48.7, None, 4.32),
    ],
}
"""Method, source, modes, high quality in percent, reverse KL; None where the source does not say."""

Job = tuple[str, str, int]
"""Method, data, seed."""
Found = dict[str, float | None]
"""What a run gave; None where a figure is undefined, as the divergence without a good sample is."""
Sampler = Callable[[int], Tensor]
"""Samples that depend on a seed."""


class Data(Protocol):
    """What samples are compared with."""

    samples: int
    draws: int

    def figures(self, samples: Tensor) -> dict[str, float]:
        """Some of ``COLUMNS``."""

    def references(self) -> dict[str, Sampler]:
        """What needs no training."""

    def show(self, axes: Axes, samples: Tensor) -> None:
        """Draw samples."""


class Points:
    """A mixture in the plane: ten sets of 2,500 points."""

    samples, draws = 2_500, 10

    def __init__(self, mixture: GaussianMixture2D) -> None:
        self.means, self.std = mixture.means, mixture.std

    def figures(self, samples: Tensor) -> dict[str, float]:
        """All columns; quality in percent."""
        found = mode_coverage(samples, self.means, self.std)
        wide = mode_spread(samples, self.means, self.std)
        good = 100 * float(found.high_quality)
        figures = (float(found.modes), good, float(found.reverse_kl), float(wide))
        return dict(zip(COLUMNS, figures, strict=True))

    def references(self) -> dict[str, Sampler]:
        """The distribution itself, one of its modes, and uniform noise over all of them."""
        shape = (self.samples, 2)

        def perfect(seed: int) -> Tensor:
            generator = torch.Generator().manual_seed(seed)
            modes = torch.randint(len(self.means), shape[:1], generator=generator)
            return self.means[modes] + self.std * torch.randn(shape, generator=generator, dtype=torch.float64)

        def collapsed(seed: int) -> Tensor:
            return self.means[:1].expand(shape)

        def noise(seed: int) -> Tensor:
            reach = float(self.means.abs().max()) + 3 * self.std
            return (2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1) * reach

        return {"a perfect sampler": perfect, "one mode alone": collapsed, "uniform noise": noise}

    def show(self, axes: Axes, samples: Tensor) -> None:
        """Samples blue, modes as red circles."""
        reach = 1.25 * float(self.means.abs().max())
        axes.scatter(self.means[:, 0], self.means[:, 1], s=60, facecolors="none", edgecolors="#c8321e", linewidths=0.8)
        axes.scatter(samples[:, 0], samples[:, 1], s=1, color="#17375e", linewidths=0)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


class Stacked:
    """Stacked MNIST: 26,000 images, classified channel by channel."""

    samples, draws = 26_000, 1

    def __init__(self, root: Path) -> None:
        self.data = StackedMNIST(str(root))
        self.real = self.data.parse(train=True)

    def figures(self, samples: Tensor) -> dict[str, float]:
        """Modes and reverse KL."""
        coverage = self.data.metrics()["coverage"]
        for chunk in samples.split(1000):
            coverage.update(to_uint8(chunk))
        found = coverage.compute()
        return {name: float(found[name]) for name in ("modes", "reverse_kl")}

    def references(self) -> dict[str, Sampler]:
        """Real triples, one image, and noise."""
        shape = (self.samples, *self.data.image_shape)

        def triples(seed: int) -> Tensor:
            return self.real.__getitems__(range(self.samples))[0]

        def collapsed(seed: int) -> Tensor:
            return self.real.__getitems__([0])[0].expand(shape)

        def noise(seed: int) -> Tensor:
            return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1

        return {"real images": triples, "one image alone": collapsed, "uniform noise": noise}

    def show(self, axes: Axes, samples: Tensor) -> None:
        """The first 64 images."""
        axes.imshow(image_grid(samples[:64], 8).permute(1, 2, 0).numpy())


DATA: dict[str, Callable[[Path], Data]] = {
    "ring": lambda _: Points(Ring2D()),
    "grid": lambda _: Points(Grid2D()),
    "stacked_mnist": Stacked,
}


def measure(sample: Sampler, data: Data) -> Found:
    """Means over the sets of samples."""
    found = [data.figures(sample(draw)) for draw in range(data.draws)]
    means = {name: statistics.mean(each[name] for each in found) for name in found[0]}
    return {name: None if math.isnan(mean) else mean for name, mean in means.items()}


@dataclass(frozen=True)
class Preset:
    """What is trained, for how long, how often."""

    methods: tuple[str, ...]
    steps: int
    seeds: tuple[int, ...]


PRESETS = {
    "quick": Preset(tuple(ALL), 5_000, (0,)),
    # the best after 5,000 steps without labels; unrolled, one of them, takes nine times as long
    "standard": Preset(("gan", "pacgan", "infogan", "vaegan", "lsgan", "r3gan"), 25_000, (0, 1, 2)),
    "paper": Preset(("gan", "pacgan"), 400_000, tuple(range(10))),
}


def train(job: Job, protocol: str, steps: int, folder: Path, fit: Sequence[str] = ()) -> float:
    """Train through the command, from the last checkpoint if there is one; returns the seconds of processor time."""
    method, data, seed = job
    configs = [word for name in (method, f"data/{data}", f"protocols/{protocol}") for word in ("--config", name)]
    run = {"--seed_everything": seed, "--trainer.default_root_dir": folder, "--trainer.max_steps": steps}
    quiet = {"--trainer.logger": "false", "--trainer.enable_progress_bar": "false", "--metrics.every_n_steps": 0}
    settings = [str(word) for item in {**run, **quiet, "--samples.every_n_steps": steps}.items() for word in item]
    last = ["--ckpt_path", "last"] if (folder / "checkpoints/last.ckpt").is_file() else []
    words = [*configs, *OWN.get((protocol, method), []), *settings, *last, *fit]
    program = [sys.executable, "-m", "lightning_gans.cli", "fit", *words]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            program, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            last_line = output.read().strip().rpartition("\n")[2]
            raise RuntimeError(last_line or f"exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def result(job: Job, protocol: str, steps: int, folder: Path, data: Data, fit: Sequence[str] = ()) -> Found | str:
    """Train and measure one run, or read what was measured before; of a run that fails, why."""
    run = folder_of(job, protocol, steps, folder)
    try:
        run.mkdir(parents=True, exist_ok=True)
        settings = run / "fit.json"
        started = settings.is_file() and (run / "checkpoints").is_dir()  # settings that were refused bind nobody
        if started and (before := json.loads(settings.read_text())) != list(fit):
            raise RuntimeError(f"--fit was {' '.join(before) or 'not given'} in this folder; take another --folder")
        settings.write_text(json.dumps(list(fit)))
        path = run / "result.json"
        if not path.is_file():
            seconds = train(job, protocol, steps, run, fit)
            model = loaded(run)
            found = measure(lambda draw: model.sample(data.samples, seed=draw), data)
            path.write_text(json.dumps(found | {"seconds": seconds, "labels": is_class_conditional(model)}))
            print(f"{job}: {found}", file=sys.stderr)
        known: Found = json.loads(path.read_text())
    except (RuntimeError, ValueError, OSError) as error:
        print(f"{job}: failed: {error}", file=sys.stderr)
        return str(error)
    return known


def folder_of(job: Job, protocol: str, steps: int, folder: Path) -> Path:
    """Where a run is kept."""
    method, data, seed = job
    return folder / f"{protocol}_{steps}" / data / method / str(seed)


def loaded(run: Path) -> LatentModel:
    """The model at the end of a run."""
    return LatentModel.load_from_checkpoint(run / "checkpoints/last.ckpt", map_location="cpu")


def with_error(values: Sequence[float | None], decimals: int) -> str:
    """Mean and standard error, and of how many values where some are undefined.

    Example:
        >>> with_error([1.0, 2.0, 3.0], 1), with_error([0.5, None], 2)
        ('2.0 ± 0.6', '0.50 (1 of 2)')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = f"{statistics.mean(known):,.{decimals}f}"
    error = f" ± {statistics.stdev(known) / len(known) ** 0.5:.{decimals}f}" if len(known) > 1 else ""
    return mean + error + (f" ({len(known)} of {len(values)})" if len(known) < len(values) else "")


def row(name: str, found: Sequence[Found]) -> str:
    """A line of a table: means over runs."""
    decimals = {**dict.fromkeys(COLUMNS, 3), "modes": 1, "high_quality": 1, "seconds": 0}
    cells = [with_error([each.get(column) for each in found], places) for column, places in decimals.items()]
    return f"| {name} | " + " | ".join(cells) + " |"


def table(results: dict[Job, Found | str], name: str, data: Data) -> str:
    """The results on one data set as Markdown: most modes first, then best quality; a star where labels were given."""
    lines = [f"| method, {name} | {' | '.join(COLUMNS.values())} | seconds |", "|---" * (len(COLUMNS) + 2) + "|"]
    runs: dict[str, list[Found]] = {}
    failed = []
    for (method, where, seed), found in results.items():
        if where == name and isinstance(found, str):
            failed.append(f"| {method}, seed {seed} | failed: {found.replace('|', '/')} |" + " |" * len(COLUMNS))
        elif where == name and not isinstance(found, str):
            runs.setdefault(method + "*" * bool(found["labels"]), []).append(found)

    def rank(method: str) -> tuple[float, ...]:
        return tuple(-statistics.mean(each.get(x) or 0 for each in runs[method]) for x in ("modes", "high_quality"))

    lines += [row(method, runs[method]) for method in sorted(runs, key=rank)]
    lines += failed
    lines += [row(f"*{known}*", [measure(sampler, data)]) for known, sampler in data.references().items()]
    lines += [
        row(f"*{method}, {source}*", [dict(zip(COLUMNS, figures, strict=False))])
        for method, source, *figures in PUBLISHED[name]
    ]
    return "\n".join(lines)


def picture(runs: dict[str, Path], data: Data, path: Path) -> None:
    """Draw samples of each method's run."""
    columns = min(6, len(runs))
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for index, (method, run) in enumerate(runs.items(), start=1):
        axes = figure.add_subplot(rows, columns, index)
        data.show(axes, loaded(run).sample(min(data.samples, 2_500)))
        axes.set(xticks=[], yticks=[])
        axes.set_title(method, fontsize=9)
    figure.savefig(path)


def main() -> None:
    """Train what is missing; print a table for each data set; keep tables, figures and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), default="pacgan")
    parser.add_argument("--data", nargs="+", choices=list(DATA))
    parser.add_argument("--methods", nargs="+", choices=ALL)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--folder", type=Path, default=Path("runs/modes"))
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of MNIST's files")
    parser.add_argument("--fit", nargs=argparse.REMAINDER, default=[])
    given = parser.parse_args()
    preset, suited = PRESETS[given.preset], PROTOCOLS[given.protocol]
    steps = given.steps or preset.steps
    if wrong := set(given.data or suited) - set(suited):
        parser.error(f"--data {' '.join(sorted(wrong))}: protocols/{given.protocol} is for {' and '.join(suited)}")
    try:
        data = {name: DATA[name](given.root) for name in given.data or suited}
    except ConfigError as error:
        parser.error(str(error))
    jobs = list(dict.fromkeys(product(given.methods or preset.methods, data, given.seeds or preset.seeds)))
    fit = [*(["--data.root", str(given.root)] if "stacked_mnist" in data else []), *given.fit]
    with ThreadPoolExecutor(given.jobs) as pool:
        done = pool.map(lambda job: result(job, given.protocol, steps, given.folder, data[job[1]], fit), jobs)
        results = dict(zip(jobs, done, strict=True))
    path = given.folder / f"{given.protocol}_{steps}"
    everything = [
        dict(zip(("method", "data", "seed"), job, strict=True))
        | ({"failed": found} if isinstance(found, str) else found)
        for job, found in results.items()
    ]
    path.with_suffix(".json").write_text(json.dumps(everything, indent=1))
    tables = "\n\n".join(table(results, name, each) for name, each in data.items())
    path.with_suffix(".md").write_text(tables + "\n")
    print(tables)
    for name, each in data.items():
        runs: dict[str, Path] = {}
        for job, found in results.items():
            if job[1] == name and not isinstance(found, str):
                runs.setdefault(job[0], folder_of(job, given.protocol, steps, given.folder))
        if runs:
            picture(runs, each, path.with_name(f"{path.name}_{name}.png"))


if __name__ == "__main__":
    main()
