"""Time and memory of the metrics against prdc, torch-fidelity and torchmetrics, interleaved in one run.

    python benchmarks/metrics.py                      # everything, about ten minutes on two cores
    python benchmarks/metrics.py neighbors --repeats 3 --scale 0.2

Prints one markdown table. Each task is run by all contenders in turn, ``--repeats`` times, on the same features; the
ratio is that of the medians, the memory the highest growth of the process while the contender ran. ``images``
extracts 20,000 times through Inception-v3, half an hour on two cores; ``images --repeats 1 --scale 0.1`` takes minutes.
"""

import argparse
import contextlib
import io
import shutil
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import torch_fidelity.feature_extractor_inceptionv3 as fidelity
from prdc import compute_prdc
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import InceptionFeatures
from lightning_gans.evaluation.metrics.functional import (
    PairwisePass,
    ReferenceStatistics,
    classifier_two_sample_test,
    density_coverage,
    frechet_distance,
    mmd_permutation_test,
    one_nn_permutation_test,
    precision_recall,
)
from lightning_gans.evaluation.sources import DatasetSource

Contenders = dict[str, Callable[[], object]]
PAGE = 4096


def features(count: int, dim: int, seed: int) -> Tensor:
    """Features with a spectrum that falls as that of a real extractor does, shape (count, dim)."""
    generator = torch.Generator().manual_seed(dim)
    mix = torch.randn(64, dim, generator=generator) / 8
    generator.manual_seed(seed)
    values = torch.randn(count, dim, generator=generator).mul_(0.3)
    return values.addmm_(torch.randn(count, 64, generator=generator), mix, alpha=1 - 0.05 * seed)


class _Given(nn.Module):
    """Stands for an extractor where features are given."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_features = dim

    def forward(self, x: Tensor) -> Tensor:
        return x


def neighbors(scale: float) -> Iterator[tuple[str, Contenders]]:
    """Metrics from nearest neighbors, D = 2048."""
    count, dim = int(10_000 * scale), 2048
    real, fake = features(count, dim, 0), features(count, dim, 1)
    yield (
        f"P/R/D/C, k = 5, {count:,} + {count:,}, D = {dim}",
        {
            "lightning_gans": lambda: all_four(real, fake),
            "prdc": lambda: compute_prdc(real.numpy(), fake.numpy(), nearest_k=5),
        },
    )
    options = {"prc_neighborhood": 3, "prc_batch_size": 10_000, "verbose": False}
    yield (
        f"P/R, k = 3, {count:,} + {count:,}, D = {dim}",
        {
            "lightning_gans": lambda: precision_recall(real, fake),
            "torch-fidelity": lambda: prc_features_to_metric(fake, real, save_cpu_ram=False, **options),
            "torch-fidelity, save_cpu_ram": lambda: prc_features_to_metric(fake, real, save_cpu_ram=True, **options),
        },
    )
    side = ReferenceStatistics.from_features(real, k=5)
    yield (
        f"D/C, k = 5, {count:,} + {count:,}, D = {dim}, real side known",
        {
            "lightning_gans": lambda: density_coverage(side, fake),
            "prdc": lambda: compute_prdc(real.numpy(), fake.numpy(), nearest_k=5),
        },
    )


def all_four(real: Tensor, fake: Tensor) -> None:
    """Precision, recall, density and coverage at k = 5, as prdc computes them."""
    both = PairwisePass(real, fake, real_balls=(5,), fake_balls=(5,))
    both.precision_recall(5, strict=True)
    both.density_coverage(5)


def frechet(scale: float) -> Iterator[tuple[str, Contenders]]:
    """Frechet distance from features with the real side known, against torchmetrics' compute from known sums."""
    dim = 2048
    for count in (int(10_000 * scale), 1000):
        real, fake = features(count, dim, 0), features(count, dim, 1)
        side = ReferenceStatistics.from_features(real, moments=True)
        other = FrechetInceptionDistance(feature=_Given(dim))
        other.update(real, real=True)
        other.update(fake, real=False)

        yield (
            f"Frechet, {count:,} + {count:,}, D = {dim}, real side known",
            {
                "lightning_gans": partial(frechet_distance, side, fake),
                "torchmetrics": partial(computed, other),
            },
        )


def computed(metric: FrechetInceptionDistance) -> Tensor:
    """The value, worked out again."""
    metric._computed = None
    value: Tensor = metric.compute()
    return value


def large(scale: float) -> Iterator[tuple[str, Contenders]]:
    """What the others cannot hold in memory."""
    count, dim = int(50_000 * scale), 512
    real, fake = features(count, dim, 0), features(count, dim, 1)
    yield f"D/C, {count:,} + {count:,}, D = {dim}", {"lightning_gans": lambda: density_coverage(real, fake)}
    yield f"P/R/D/C, {count:,} + {count:,}, D = {dim}", {"lightning_gans": lambda: all_four(real, fake)}


def in_turn(calls: list[Callable[[], object]]) -> None:
    """Make some calls."""
    for call in calls:
        call()


def p_values(scale: float) -> Iterator[tuple[str, Contenders]]:
    """The two-sample tests of ``evaluate --p_values true``, each alone."""
    count = int(10_000 * scale)
    for dim in (64, 2048):
        real, fake = features(count, dim, 0), features(count, dim, 1)
        tests = [
            partial(test, real, fake)
            for test in (classifier_two_sample_test, mmd_permutation_test, one_nn_permutation_test)
        ]
        alone: Contenders = {f"{test.func.__name__} alone": test for test in tests}
        together: Contenders = {"lightning_gans": partial(in_turn, list(alone.values()))}
        yield f"p-values, {count:,} + {count:,}, D = {dim}", together | alone


def images(scale: float) -> Iterator[tuple[str, Contenders]]:
    """From images to FID, IS, MMD, P/R, D/C and 1-NN: one pass, against metrics that each extract for themselves."""
    count = int(2_000 * scale)
    folder = Path(tempfile.mkdtemp())
    weights = he_initialized(folder / "inception.pth")
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, 32, 32)
    real, fake = (torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in range(2))
    sides = DatasetSource(TensorDataset(fake)), DatasetSource(TensorDataset(real))
    extractor = InceptionFeatures(weights)

    def ours() -> object:
        return Evaluator(extractor, batch_size=50, cache=folder / "cache").evaluate(*sides)

    def ours_anew() -> object:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        return ours()

    def others() -> object:
        pooled, logits = (
            NoTrainInceptionV3("inception-v3-compat", [layer], str(weights)) for layer in ("2048", "logits_unbiased")
        )
        compared = FrechetInceptionDistance(pooled), KernelInceptionDistance(pooled, subset_size=count // 2)
        for metric in compared:
            for side, is_real in ((real, True), (fake, False)):
                for part in side.split(50):
                    metric.update(part, real=is_real)
        score = InceptionScore(logits)
        for part in fake.split(50):
            score.update(part)
        extracted = [torch.cat([pooled(part) for part in side.split(50)]).numpy() for side in (real, fake)]
        return [metric.compute() for metric in (*compared, score)], compute_prdc(*extracted, nearest_k=5)

    yield (
        f"FID, IS, MMD, P/R, D/C, 1-NN of {count:,} + {count:,} images, Inception-v3",
        {
            "lightning_gans": ours_anew,
            "lightning_gans, real side cached": ours,
            "torchmetrics FID, KID, IS, then prdc": others,
        },
    )


def he_initialized(path: Path) -> Path:
    """Weights of Inception-v3's shape, made on the spot: only the time matters, and signals must not vanish."""
    network_type = fidelity.FeatureExtractorInceptionV3
    with (
        mock.patch.object(fidelity, "load_state_dict_from_url", return_value={}),
        mock.patch.object(network_type, "load_state_dict", return_value=None),
    ):
        network = network_type("random", ["2048"])
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), path)
    return path


TASKS = {task.__name__: task for task in (neighbors, frechet, large, p_values, images)}


def resident() -> int:
    """Memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def measured(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and GiB by which the process grew at most."""
    before = peak = resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, resident())

    thread = threading.Thread(target=watch)
    thread.start()
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    return seconds, (peak - before) / 2**30


def main() -> None:
    """Run the tasks named on the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=f"of {list(TASKS)}; all unless named")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contender")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the sample counts")
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.repeats} repeats\n")
    print("| task | implementation | median s | all s | times as long | peak GiB |\n|---|---|---|---|---|---|")
    for name in options.tasks:
        for title, contenders in TASKS[name](options.scale):
            runs: dict[str, list[tuple[float, float]]] = {contender: [] for contender in contenders}
            for _ in range(options.repeats):
                for contender, run in contenders.items():
                    runs[contender].append(measured(run))
            ours = statistics.median(seconds for seconds, _ in runs["lightning_gans"])
            for contender, results in runs.items():
                median = statistics.median(seconds for seconds, _ in results)
                every = ", ".join(f"{seconds:.2f}" for seconds, _ in results)
                memory = max(memory for _, memory in results)
                print(
                    f"| {title} | {contender} | {median:.2f} | {every} | {median / ours:.1f} | {memory:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
