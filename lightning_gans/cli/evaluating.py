"""The work of ``lightning_gans evaluate`` and ``lightning_gans train-features``."""

import difflib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torchmetrics import Metric

import lightning_gans.data
from lightning_gans.cli.commands import EvaluationOptions, FeatureTrainingOptions
from lightning_gans.cli.runs import load_model, require_writable
from lightning_gans.cli.truncating import measure_curve, write_curve
from lightning_gans.data import (
    BatchedDataset,
    DegradedData,
    DegradedImages,
    DerivedData,
    DomainFolders,
    GaussianMixture2D,
    HeldOutFolder,
    ImageDataModule,
    ImageDataset,
    ImageFolder,
    MaskedData,
    MaskedImages,
    PairedImages,
    PlaneData,
    Points2D,
    UnpairedDataset,
    UnpairedImages,
)
from lightning_gans.data.folder import classes_of
from lightning_gans.engine.protocols import can_sample
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation import features
from lightning_gans.evaluation.copying import TrainingImages, nearest_training
from lightning_gans.evaluation.evaluator import Evaluator, Report, differences
from lightning_gans.evaluation.features import FeatureExtractor
from lightning_gans.evaluation.features.train import Labeled, stratified_split, write_classifier
from lightning_gans.evaluation.metrics import PerceptualPathLength
from lightning_gans.evaluation.sources import ArraySource, DatasetSource, FolderSource, GeneratedSource, ImageSource
from lightning_gans.figures.grids import nearest_figure
from lightning_gans.images import from_uint8

_Found = TypeVar("_Found")
_BASES = (
    ImageDataModule,
    PlaneData,
    GaussianMixture2D,
    DegradedData,
    DerivedData,
    DomainFolders,
    HeldOutFolder,
    MaskedData,
    Points2D,  # of which the points are needed
)
_FOLDERS = (DegradedImages, ImageFolder, MaskedImages, PairedImages, UnpairedImages)  # of which a path is needed

_ROWS = 10  # samples in a column of the picture of the nearest


class _Training(NamedTuple):
    """What a generator may have copied, and what it has not seen."""

    train: ImageSource
    held_out: ImageSource | None


def evaluate(options: EvaluationOptions) -> None:
    """Measure, print and write.

    Raises:
        ConfigError: There is nothing to measure, or what is there cannot be compared with the baseline.
    """
    assert options.real is not None
    for flag, written in (("--output", options.output), ("--nearest", options.nearest)):
        if written is not None:
            _require_file(Path(written), flag)
    before = None if options.baseline is None else Report.from_file(options.baseline)
    real, data = _images(options.real, "--real")
    fake = _samples(options) if options.fake is None else _images(options.fake, "--fake")[0]
    known = None if options.nearest is None else _training(options, real, data)
    extractor = _extractor(options, None if data is None else data.features())
    measured = ("--fake", options.fake, fake) if options.fake else ("--checkpoint", options.checkpoint, fake)
    for flag, given, source in (("--real", options.real, real), measured):
        try:
            extractor.check(source.images(0, 1))
        except ConfigError as error:
            raise ConfigError(flag, given, f"its images are {error.value}, and {error.hint}") from error
    if options.truncation_curve is not None:
        write_curve(_measured(options, extractor, {}, lambda each: measure_curve(each, fake, real, options)), options)
        return
    metrics = {} if data is None else data.metrics()
    if options.path_length:
        for name, in_w in (("ppl_z", False), ("ppl_w", True)):
            metrics[name] = PerceptualPathLength(extractor, options.path_length, in_w=in_w)
    report = _measured(options, extractor, metrics, lambda each: each.evaluate(fake, real))
    if known is not None:
        report = _measured(options, extractor, {}, lambda each: _with_nearest(report, each, fake, known, options))
    found = {} if before is None else differences(before, report)
    _print_report(report, None if found else before)
    if options.output is not None:
        Path(options.output).write_text(json.dumps(report.as_dict(), indent=2) + "\n")
        print(f"wrote {options.output}")
    if found:  # last, so that nothing measured is lost
        where = "; ".join(f"{key}: {old} against {new}" for key, (old, new) in found.items())
        raise ConfigError("--baseline", options.baseline, f"cannot be compared, it was measured otherwise: {where}")


def _training(options: EvaluationOptions, real: ImageSource, data: ImageDataModule | None) -> _Training:
    """The images that a generator may have copied, and those that are held out, if any are."""
    shape = real.images(0, 1).shape[1:]
    if len(shape) != 3:
        raise ConfigError("--nearest", options.nearest, f"is a picture of images, and {options.real} are points")
    held_out = None if options.held_out is None else _images(options.held_out, "--held_out")[0]
    if data is None:
        return _Training(real, held_out)
    if held_out is None and type(data).load_test is not ImageDataModule.load_test:
        held_out = DatasetSource(_alone(data.test_dataset))
    size = (shape[1], shape[2]) if data.crop_margin else None
    return _Training(TrainingImages(DatasetSource(_alone(data.train_dataset)), size, mirrored=data.flip), held_out)


def _with_nearest(
    report: Report, evaluator: Evaluator, fake: ImageSource, known: _Training, options: EvaluationOptions
) -> Report:
    """The report with figures of copying; writes the picture."""
    assert options.nearest is not None
    found = nearest_training(evaluator, fake, *known)

    def block(rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        near = [_shown(known.train, found.index[row].tolist()) for row in rows]
        return _shown(fake, rows), torch.stack(near)

    count = min(_ROWS, len(fake))
    nearest = found.distances[:, 0].argsort()[:count].tolist()
    nearest_figure({"first samples": block([*range(count)]), "nearest samples": block(nearest)}).save(options.nearest)
    print(f"wrote {options.nearest}")
    return found.added_to(report, evaluator.features.metric_suffix)


def _shown(source: ImageSource, rows: list[int]) -> torch.Tensor:
    """Some images (N, C, H, W), in [-1, 1]."""
    return from_uint8(torch.cat([source.images(row, row + 1).cpu() for row in rows]))


def train_features(options: FeatureTrainingOptions) -> None:
    """Train, and write the weights.

    Raises:
        ConfigError: There are no labeled images, or the file cannot be written.
    """
    assert options.data is not None
    assert options.output is not None
    output = Path(options.output)
    _require_file(output)
    images, labels = _labeled(options.data)
    train, test = stratified_split(labels, seed=options.seed)
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    with Progress(transient=True) as progress:
        task = progress.add_task("epochs", total=options.epochs)
        facts = write_classifier(
            Labeled(images[train], labels[train], images[test], labels[test]),
            output,
            name=options.name or output.stem,
            description=f"{options.data}, {len(images)} images, a fifth of each class held out (seed {options.seed})",
            seed=options.seed,
            epochs=options.epochs,
            batch_size=options.batch_size,
            on_epoch=lambda epoch, loss: progress.update(task, completed=epoch),
        )
    print(f"test accuracy {facts['test_accuracy']:.4f} on {facts['test_images']} images; wrote {output}")


def _measured(
    options: EvaluationOptions,
    extractor: FeatureExtractor,
    metrics: dict[str, Metric],
    work: Callable[[Evaluator], _Found],
) -> _Found:
    """What an evaluator finds, with a bar while it does."""
    with Progress(transient=True) as progress:
        tasks = [progress.add_task(name, total=None) for name in ("images", "metrics")]
        evaluator = Evaluator(
            extractor,
            options.batch_size,
            num_half_samples=options.intervals,
            subset_size=options.subset_size,
            p_values=options.p_values,
            extra_metrics=metrics,
            progress=lambda done, total: progress.update(tasks[0], completed=done, total=total),
        )
        return work(evaluator)


def _require_file(output: Path, flag: str = "--output") -> None:
    """Check before the work is done that a file can be written."""
    if output.is_dir():
        raise ConfigError(flag, str(output), "is a folder; name a file")
    require_writable(output.absolute().parent, flag)


def _named_data(name: str, setting: str) -> ImageDataModule:
    kinds = {n: getattr(lightning_gans.data, n) for n in lightning_gans.data.__all__}
    kinds = {n: kind for n, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, ImageDataModule)}
    names = [n for n, kind in kinds.items() if kind not in (*_BASES, *_FOLDERS)]
    if name in names:
        data: ImageDataModule = kinds[name]()
        return data
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"data sets: {', '.join(names)}"
    raise ConfigError(setting, name, f"no such folder, file or data set; {hint}")


def _images(given: str, setting: str) -> tuple[ImageSource, ImageDataModule | None]:
    """The images that a user means, and the data set of this package that they are of, if they are."""
    path = Path(given)
    if path.is_dir():
        return FolderSource(path), None
    if path.suffix in (".npy", ".npz"):
        return ArraySource(path), None
    data = _named_data(given, setting)
    return DatasetSource(data.reference_dataset), data


def _alone(dataset: BatchedDataset) -> BatchedDataset:
    """Images without sources that do not belong to them."""
    return dataset.images if isinstance(dataset, UnpairedDataset) else dataset


def _samples(options: EvaluationOptions) -> ImageSource:
    assert options.checkpoint is not None
    model = load_model(options.checkpoint, "cpu")
    if not can_sample(model):
        hint = f"{type(model).__name__} does not generate from latents; measure it with lightning_gans validate"
        raise ConfigError("--checkpoint", options.checkpoint, hint)
    return GeneratedSource(model, options.num_samples, options.seed, not options.no_ema)


def _extractor(options: EvaluationOptions, suited: FeatureExtractor | None) -> FeatureExtractor:
    """The extractor of that name or file; by default the one that suits the data, and Inception-v3 for others."""
    if options.features is None and suited is not None:
        return suited
    named: dict[str, Callable[[], FeatureExtractor]] = {
        "inception": lambda: features.InceptionFeatures(options.weights, download=options.download),
        "digits": features.DigitsFeatures,
        "mnist": features.MNISTFeatures,
        "cifar10": features.CIFAR10Features,
        "random": features.RandomFeatures,
    }
    name = options.features or "inception"
    if Path(name).suffix == ".safetensors":
        return features.ClassifierFeatures(name)
    if name not in named:
        raise ConfigError("--features", name, f"choose one of {', '.join(named)}, or a .safetensors file")
    return named[name]()


def _labeled(given: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a folder of class folders, or of a data set of this package."""
    if not Path(given).is_dir():
        dataset = _alone(_named_data(given, "--data").train_dataset)
        if not isinstance(dataset, ImageDataset) or dataset.labels is None:
            raise ConfigError("--data", given, "holds no labeled images; give a folder of class folders")
        return dataset.images, dataset.labels
    source = FolderSource(given)
    classes = classes_of(source.files, source.path)
    if len(classes) < 2:
        raise ConfigError("--data", given, "needs one folder of images for each of two or more classes")
    labels = [classes.index(file.relative_to(source.path).parts[0]) for file in source.files]
    return source.images(0, len(source)), torch.tensor(labels)


def _print_report(report: Report, before: Report | None) -> None:
    """The figures as a table, with floors, intervals and the earlier report's where there are any."""
    caption = f"{report.provenance['fake']['count']} {report.caption}"
    table = Table(title=time.strftime("Metrics, %Y-%m-%d %H:%M"), caption=caption)
    table.add_column("metric")
    for heading in ("value", "floor", *(["95% interval"] * bool(report.intervals)), *(["baseline"] * bool(before))):
        table.add_column(heading, justify="right")
    for name, value in report.values.items():
        row = [name, f"{value:.5g}", f"{report.real_vs_real[name]:.5g}" if name in report.real_vs_real else ""]
        if report.intervals:
            row.append(" .. ".join(f"{end:.4g}" for end in report.intervals.get(name, ())))
        if before is not None:
            row.append(f"{before.values[name]:.5g}" if name in before.values else "")
        table.add_row(*row)
    Console(soft_wrap=True, highlight=False).print(table)
