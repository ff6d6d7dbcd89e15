"""Pictures of figures over a setting."""

from matplotlib.figure import Figure
from PIL import Image

from lightning_gans.evaluation.truncation import TruncationCurve
from lightning_gans.figures.points import QUIET, drawn

_AXES = {"psi": "psi (1: no truncation)", "bound": "largest absolute value of a latent's entries"}
_SHARES = {
    "precision": ("precision", "#17375e"),
    "recall": ("recall", "#c8321e"),
    "variance_ratio": ("spread", "#7a9a3a"),
}
_FID = "#111111"


def plot_truncation(curve: TruncationCurve, title: str) -> Image.Image:
    """Precision, recall and spread on the left, FID on the right; dashed what real images score against real ones.

    Values are evenly spaced, so that no truncation has a place too.
    """
    figure = Figure(figsize=(10, 4.6), dpi=100, facecolor="white")
    left, right = figure.add_axes((0.055, 0.2, 0.42, 0.66)), figure.add_axes((0.555, 0.2, 0.42, 0.66))
    places = range(len(curve.values))
    for name, (label, color) in _SHARES.items():
        left.plot(places, curve.figure(name), color=color, label=label, marker="o", markersize=4)
        left.axhline(curve.floor(name), color=color, linewidth=0.9, linestyle="--", alpha=0.6)
    right.plot(places, curve.figure("fid"), color=_FID, label="FID", marker="o", markersize=4)
    right.axhline(curve.floor("fid"), color=_FID, linewidth=0.9, linestyle="--", alpha=0.6, label="real against real")
    left.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    for axes in (left, right):
        labels = ["all" if value is None else f"{value:g}" for value in curve.values]
        axes.set_xticks(places, labels)
        axes.set_xlabel(_AXES[curve.kind], fontsize=9, color=QUIET)
        axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
        axes.spines[:].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(-0.02, -0.14), ncols=3)
    left.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=9)
    return drawn(figure)
