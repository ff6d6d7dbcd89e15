"""The work of ``lightning_gans evaluate`` and ``lightning_gans train-features``."""

import difflib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torchmetrics import Metric

import lightning_gans.data
from lightning_gans.cli.runs import read_checkpoint, require_writable
from lightning_gans.engine import Game
from lightning_gans.data import GaussianMixture2D, ImageData, ImageDataset, ImageFolder
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.evaluator import Evaluator, Report, differences
from lightning_gans.evaluation.features import (
    ClassifierFeatures,
    DigitsFeatures,
    Extractor,
    InceptionFeatures,
    MNISTFeatures,
)
from lightning_gans.evaluation.features.train import Labeled, stratified_split, write_classifier
from lightning_gans.evaluation.sources import ArraySource, DatasetSource, FolderSource, GeneratedSource, Source

_NEED_ARGUMENTS = (ImageData, ImageFolder, GaussianMixture2D)


def evaluate(
    *,
    real: str | None,
    fake: str | None,
    checkpoint: str | None,
    features: str | None,
    weights: str | None,
    download: bool,
    num_samples: int,
    seed: int,
    raw: bool,
    batch_size: int,
    intervals: int,
    output: str | None,
    baseline: str | None,
) -> None:
    """Measure, print and write; the arguments are those of ``lightning_gans evaluate``."""
    if real is None:
        raise ConfigError("--real", None, "name a folder, a .npy or .npz file, or a data set such as Digits")
    if (fake is None) == (checkpoint is None):
        raise ConfigError("--fake", fake, "give either --fake or --checkpoint")
    if output is not None:
        require_writable(str(Path(output).absolute().parent), "--output")
    before = None if baseline is None else Report.from_file(baseline)
    images = _images(real, "--real")
    fake_side = _images(fake, "--fake").source if fake is not None else _samples(checkpoint, num_samples, seed, not raw)
    extractor = _extractor(features, weights, download, images.features)
    with Progress(transient=True) as progress:
        tasks = [progress.add_task(name, total=None) for name in ("images", "metrics")]
        evaluator = Evaluator(
            extractor,
            batch_size,
            resamples=intervals,
            extra=images.metrics,
            on_batch=lambda done, total: progress.update(tasks[0], completed=done, total=total),
        )
        report = evaluator.evaluate(fake_side, images.source)
    found = {} if before is None else differences(before, report)
    _show(report, None if found else before)
    if output is not None:
        Path(output).write_text(json.dumps(report.as_dict(), indent=2) + "\n")
        print(f"wrote {output}")
    if found:  # last, so that nothing measured is lost
        where = "; ".join(f"{key}: {old} against {new}" for key, (old, new) in found.items())
        raise ConfigError("--baseline", baseline, f"cannot be compared, the protocols differ in {where}")


def train_features(
    *, data: str | None, output: str | None, name: str | None, seed: int, epochs: int, batch_size: int
) -> None:
    """Train, and write the weights; the arguments are those of ``lightning_gans train-features``."""
    if data is None or output is None:
        missing = "--data" if data is None else "--output"
        raise ConfigError(missing, None, "train-features needs --data and --output")
    require_writable(str(Path(output).absolute().parent), "--output")
    images, labels = _labeled(data)
    train, test = stratified_split(labels, seed=seed)
    parts = Labeled(images[train], labels[train], images[test], labels[test])
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    with Progress(transient=True) as progress:
        task = progress.add_task("epochs", total=epochs)
        facts = write_classifier(
            parts,
            Path(output),
            name=name or Path(output).stem,
            description=f"{data}, {len(images)} images, a fifth of each class held out (seed {seed})",
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            on_epoch=lambda epoch, loss: progress.update(task, completed=epoch),
        )
    print(f"test accuracy {facts['test_accuracy']:.4f} on {facts['test_images']} images; wrote {output}")


def _named_data(name: str, setting: str) -> ImageData:
    """The data set of that name.

    Raises:
        ConfigError: There is none; suggests the nearest.
    """
    kinds = {n: getattr(lightning_gans.data, n) for n in lightning_gans.data.__all__}
    names = [n for n, kind in kinds.items() if issubclass(kind, ImageData) and kind not in _NEED_ARGUMENTS]
    if name in names:
        data: ImageData = kinds[name]()
        return data
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"data sets: {', '.join(names)}"
    raise ConfigError(setting, name, f"no such folder, file or data set; {hint}")


class _Images(NamedTuple):
    """Images, and what suits them if they are a data set of this package: features, and metrics of its own."""

    source: Source
    features: Extractor | None
    metrics: dict[str, Metric]


def _images(given: str, setting: str) -> _Images:
    """The images that a user means."""
    path = Path(given)
    if path.is_dir():
        return _Images(FolderSource(path), None, {})
    if path.suffix in (".npy", ".npz"):
        return _Images(ArraySource(path), None, {})
    data = _named_data(given, setting)
    return _Images(DatasetSource(data.reference()), data.features(), data.metrics())


def _samples(checkpoint: str | None, num_samples: int, seed: int, ema: bool) -> Source:
    assert checkpoint is not None
    read_checkpoint(checkpoint)
    return GeneratedSource(Game.load_from_checkpoint(checkpoint, map_location="cpu"), num_samples, seed, ema)


def _extractor(given: str | None, weights: str | None, download: bool, suited: Extractor | None) -> Extractor:
    """The extractor of that name or file; by default the one that suits the data, and Inception-v3 for others."""
    if given is None and suited is not None:
        return suited
    named: dict[str, Callable[[], Extractor]] = {
        "inception": lambda: InceptionFeatures(weights, download=download),
        "digits": DigitsFeatures,
        "mnist": MNISTFeatures,
    }
    name = given or "inception"
    if Path(name).suffix == ".safetensors":
        return ClassifierFeatures(name)
    if name not in named:
        raise ConfigError("--features", name, f"choose one of {', '.join(named)}, or a .safetensors file")
    return named[name]()


def _labeled(given: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a folder of class folders, or of a data set of this package."""
    if not Path(given).is_dir():
        dataset = _named_data(given, "--data").reference()
        if not isinstance(dataset, ImageDataset) or dataset.labels is None:
            raise ConfigError("--data", given, "holds no labeled images; give a folder of class folders")
        return dataset.images, dataset.labels
    source = FolderSource(given)
    classes = [file.relative_to(source.path).parts[0] for file in source.files]
    if len(set(classes)) < 2 or any(file.parent == source.path for file in source.files):
        raise ConfigError("--data", given, "needs one folder of images for each of two or more classes")
    numbers = {name: number for number, name in enumerate(sorted(set(classes)))}
    return source.images(0, len(source)), torch.tensor([numbers[name] for name in classes])


def _show(report: Report, before: Report | None) -> None:
    """The figures as a table, with floors, intervals and the earlier report's where there are any."""
    protocol = report.protocol
    caption = (
        f"{protocol['fake']['count']} against {protocol['real']['count']} real images; features {protocol['features']} "
        f"{protocol['features_sha256'][:8]}; floor: {protocol['floor']}"
    )
    table = Table(title=time.strftime("Metrics, %Y-%m-%d %H:%M"), caption=caption)
    table.add_column("metric")
    for heading in ("value", "floor", *(["95% interval"] * bool(report.intervals)), *(["baseline"] * bool(before))):
        table.add_column(heading, justify="right")
    for name, value in report.values.items():
        row = [name, f"{value:.5g}", f"{report.floors[name]:.5g}" if name in report.floors else ""]
        if report.intervals:
            row.append(" .. ".join(f"{end:.4g}" for end in report.intervals.get(name, ())))
        if before is not None:
            row.append(f"{before.values[name]:.5g}" if name in before.values else "")
        table.add_row(*row)
    Console(soft_wrap=True, highlight=False).print(table)
