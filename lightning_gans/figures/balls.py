"""The balls of precision and recall, drawn on points of the plane."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import FeatureStatistics, precision_recall
from lightning_gans.figures.points import QUIET, PlotWindow, drawn

_BALL, _INSIDE, _OUTSIDE = "#17375e", "#5d9b3a", "#c8321e"


def plot_balls(real: Tensor, fake: Tensor, k: int = 3, window: PlotWindow | None = None) -> Image.Image:
    """Draw what ``precision_recall`` counts: points of one set that lie in balls around those of the other.

    Each ball reaches to the k-th nearest neighbor of its own set. On the left they are around real points: the share of
    generated ones inside (dots; outside are crosses) is the precision. On the right they are around generated points,
    and the share of real ones inside is the recall.

    Args:
        real: Points (N, 2).
        fake: Points (M, 2).
        k: The neighbor.
        window: The part of the plane that is shown; by default that of all points.

    Raises:
        ConfigError: As of ``precision_recall``; the points are not of the plane.
    """
    precision, recall = precision_recall(real, fake, k)
    if real.shape[1] != 2:
        raise ConfigError("real", tuple(real.shape), "balls are drawn in the plane: (N, 2)")
    window = window or PlotWindow.of(torch.cat([real, fake]))
    figure = Figure(figsize=(13, 6.9), dpi=100, facecolor="white")
    panels = (
        (f"precision {precision:.2f}", "generated points in balls around real ones", real, fake),
        (f"recall {recall:.2f}", "real points in balls around generated ones", fake, real),
    )
    for left, (value, note, inner, points) in zip((0.035, 0.53), panels, strict=True):
        axes = figure.add_axes((left, 0.045, 0.455, 0.88))
        _draw_balls(axes, inner, points, k)
        low, high, bottom, top = window.extent
        axes.set(xlim=(low, high), ylim=(bottom, top), aspect="equal")
        axes.set_title(value, loc="left", fontsize=13, fontweight="bold", pad=9)
        axes.set_title(note, loc="right", fontsize=9, color=QUIET, pad=9)
        axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
        axes.spines[:].set_visible(False)
    return drawn(figure)


def _draw_balls(axes: Axes, inner: Tensor, points: Tensor, k: int) -> None:
    radii = FeatureStatistics(inner).neighbors(k)[:, -1].sqrt()
    inside = (torch.cdist(points.double(), inner.double()) <= radii).any(1)
    ball: dict[str, Any] = {"units": "xy", "facecolors": _BALL, "edgecolors": "none", "alpha": 0.1}
    size, centers = 2 * radii.numpy(), inner.double().numpy()
    axes.add_collection(
        EllipseCollection(size, size, 0 * size, offsets=centers, offset_transform=axes.transData, **ball)
    )
    x, y = centers.T
    axes.scatter(x, y, s=7, color=_BALL, linewidths=0)
    for chosen, marker, color in ((inside, "o", _INSIDE), (~inside, "x", _OUTSIDE)):
        x, y = points[chosen].double().numpy().T
        axes.scatter(x, y, s=12, marker=marker, color=color, zorder=3)
