"""The digits table: recipes trained through the command line with several seeds, each measured as the README measures.

    python benchmarks/digits.py [--recipes gan lsgan ...] [--seeds 0 1 2] [--jobs 2] [--folder runs/digits]
                                [--fit ARGS ...]

For each recipe and seed: ``lightning_gans fit --config configs/<recipe>.yaml`` on one thread (the seconds are processor
time of the whole command, start and evaluations included: what it takes when nothing else runs), then
``lightning_gans evaluate`` on its last checkpoint: 2,000 samples of the averaged weights against the 1,797 digits.
Figures are mean and standard deviation over the seeds. Class accuracy: how often the classifier sees the class that a
conditional model was asked for; class kept: how often it sees the class of x in G(E(x)). A run that fails is reported
as failed with its last line. What is done is kept in the folder: an interrupted benchmark goes on where it stopped.
``--fit`` is passed on to every ``fit``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml") if "Digit" in path.read_text())
REAL = {"cogan": "DigitNegatives"}  # data of a recipe that are not the digits alone
COLUMNS = {
    "fid_digits": "FID",
    "is_digits": "IS",
    "kid_digits": "MMD^2",
    "precision_digits": "precision",
    "recall_digits": "recall",
    "num_classes_covered_digits": "classes",
    "class_accuracy_digits": "class accuracy",
    "reconstruction_accuracy_digits": "class kept",
}


class FailedError(RuntimeError):
    """A command that did not end well, with its last line."""


def command(*args: str) -> float:
    """Run ``lightning_gans`` on one thread; returns its processor time in seconds."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        program = [sys.executable, "-m", "lightning_gans.cli", *args]
        process = subprocess.Popen(program, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise FailedError(output.read().strip().rpartition("\n")[2])
    return usage.ru_utime + usage.ru_stime


def result(recipe: str, seed: int, folder: Path, fit: list[str]) -> dict[str, Any]:
    """Train and measure one recipe with one seed, or read what was measured before."""
    run = folder / recipe / str(seed)
    path = run / "report.json"
    if not path.is_file():
        config = str(ROOT / "configs" / f"{recipe}.yaml")
        settings = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        quiet = ["--trainer.logger", "false", "--trainer.enable_progress_bar", "false"]
        last = str(run / "checkpoints" / "last.ckpt")
        samples = ["--real", REAL.get(recipe, "Digits"), "--num_samples", "2000"]
        try:
            seconds = command("fit", "--config", config, *settings, *quiet, *fit)
            (run / "seconds.json").write_text(json.dumps(seconds))
            command("evaluate", "--checkpoint", last, *samples, "--output", str(path))
        except FailedError as error:
            print(f"{recipe}, seed {seed}: failed: {error}", file=sys.stderr)
            return {"failed": str(error)}
        print(f"{recipe}, seed {seed}: done", file=sys.stderr)
    report: dict[str, Any] = json.loads(path.read_text())
    return report | {"seconds": json.loads((run / "seconds.json").read_text())}


def spread(values: list[float], digits: int = 3) -> str:
    """Mean and standard deviation.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        '2 ± 1'
    """
    if not values:
        return ""
    mean = f"{statistics.mean(values):.{digits}g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"


def table(results: dict[tuple[str, int], dict[str, Any]], seeds: list[int]) -> str:
    """The results as Markdown, best FID first."""
    lines = ["| recipe | " + " | ".join(COLUMNS.values()) + " | seconds |", "|---" * (len(COLUMNS) + 2) + "|"]
    recipes = list(dict.fromkeys(recipe for recipe, _ in results))
    rows = {recipe: [results[recipe, seed] for seed in seeds] for recipe in recipes}
    whole = {recipe: found for recipe, found in rows.items() if not any("failed" in report for report in found)}
    for recipe in sorted(whole, key=lambda name: statistics.mean(r["values"]["fid_digits"] for r in whole[name])):
        cells = [spread([r["values"][key] for r in whole[recipe] if key in r["values"]]) for key in COLUMNS]
        cells.append(spread([r["seconds"] for r in whole[recipe]]))
        lines.append(f"| {recipe} | " + " | ".join(cells) + " |")
    for recipe in rows.keys() - whole.keys():
        lines += [f"| {recipe} | failed: {report['failed']} |" for report in rows[recipe] if "failed" in report]
    floors = next((report["real_vs_real"] for report in results.values() if "failed" not in report), {})
    cells = [f"{floors[key]:.3g}" if key in floors else "" for key in COLUMNS]
    lines.append("| floor: a perfect generator | " + " | ".join(cells) + " | |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, print the table, keep everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--folder", type=Path, default=Path("runs/digits"))
    parser.add_argument("--fit", nargs=argparse.REMAINDER, default=[])
    given = parser.parse_args()
    jobs = list(product(given.recipes, given.seeds))
    with ThreadPoolExecutor(given.jobs) as pool:
        done = pool.map(lambda job: result(*job, given.folder, given.fit), jobs)
        results = dict(zip(jobs, done, strict=True))
    everything = [{"recipe": recipe, "seed": seed, **report} for (recipe, seed), report in results.items()]
    (given.folder / "results.json").write_text(json.dumps(everything, indent=1))
    print(table(results, given.seeds))


if __name__ == "__main__":
    main()
