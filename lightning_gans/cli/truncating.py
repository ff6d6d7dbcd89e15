"""The curve of ``lightning_gans evaluate --truncation_curve``: measured, printed, written and drawn."""

import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lightning_gans.cli.commands import EvaluationOptions
from lightning_gans.engine import LatentModel
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.sources import GeneratedSource
from lightning_gans.evaluation.truncation import FIGURES, TruncationCurve, truncation_curve
from lightning_gans.figures.curves import plot_truncation


def measure_curve(
    evaluator: Evaluator, samples: ImageSource, real: ImageSource, options: EvaluationOptions
) -> TruncationCurve:
    """The curve of the model that makes the samples.

    Raises:
        ConfigError: It has no latents, or no styles, or a value is impossible.
    """
    assert options.truncation_curve is not None
    assert isinstance(samples, GeneratedSource)
    if not isinstance(samples.model, LatentModel):
        hint = f"{type(samples.model).__name__} has no prior that is known"
        raise ConfigError("--truncation_curve", options.truncation_curve, hint)
    return truncation_curve(
        evaluator,
        samples.model,
        real,
        options.truncation_curve,
        options.truncation_values,
        num_samples=options.num_samples,
        seed=options.seed,
        ema=not options.no_ema,
    )


def write_curve(curve: TruncationCurve, options: EvaluationOptions) -> None:
    """Print a row for each value; with --output write JSON, and the figure beside it."""
    _print(curve)
    if options.output is None:
        return
    output = Path(options.output)
    output.write_text(json.dumps(curve.as_dict(), indent=2) + "\n")
    model = curve.reports[0].provenance["fake"]["kind"]
    plot_truncation(curve, f"{model}: truncation").save(output.with_suffix(".png"))
    print(f"wrote {output} and {output.with_suffix('.png')}")


def _print(curve: TruncationCurve) -> None:
    report = curve.reports[0]
    caption = f"{report.provenance['fake']['count']} {report.caption}"
    table = Table(title=time.strftime("Truncation, %Y-%m-%d %H:%M"), caption=caption)
    table.add_column(curve.kind)
    for name in FIGURES:
        table.add_column(name + curve.suffix, justify="right")
    rows = zip(*(curve.figure(name) for name in FIGURES), strict=True)
    for value, row in zip(curve.values, rows, strict=True):
        table.add_row("all" if value is None else f"{value:g}", *(f"{figure:.4g}" for figure in row))
    table.add_section()
    table.add_row("floor", *(f"{curve.floor(name):.4g}" for name in FIGURES))
    Console(soft_wrap=True, highlight=False).print(table)
