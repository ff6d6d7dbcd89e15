"""Densities on the line: what an optimal discriminator says of two, what one Gaussian makes of two modes."""

from collections.abc import Callable, Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lightning_gans.figures.points import QUIET, drawn
from lightning_gans.objectives import Divergence
from lightning_gans.objectives.divergences import Gaussian
from lightning_gans.objectives.fitting import fit_gaussian

_P, _Q, _OPTIMAL, _LEARNED = "#17375e", "#c8321e", "#111111", "#7a9a3a"

LogDensity = Callable[[Tensor], Tensor]
"""From points (R,) of the line to log densities (R,)."""


def plot_optimal_discriminator(
    log_p: LogDensity, log_q: LogDensity, ends: tuple[float, float], score: Callable[[Tensor], Tensor] | None = None
) -> Image.Image:
    """Draw D* = p / (p + q) over the densities of real and of generated samples, and a learned D beside.

    Goodfellow et al. 2014, arXiv:1406.2661, proposition 1.

    Args:
        log_p: That of real samples.
        log_q: That of generated ones.
        ends: Of the part of the line that is shown.
        score: The learned discriminator, from points (R, 1), float32, to logits (R, 1).
    """
    x = torch.linspace(*ends, 801, dtype=torch.float64)
    p, q = log_p(x), log_q(x)
    figure, (axes,) = _panels(1)
    _draw_density(axes, x, p.exp(), _P, "p, real")
    _draw_density(axes, x, q.exp(), _Q, "q, generated")
    axes.plot(x, (p - q).sigmoid(), color=_OPTIMAL, linewidth=1.6, label="D* = p / (p + q)")
    if score is not None:
        with torch.no_grad():
            learned = score(x[:, None].float()).reshape(len(x), -1).mean(1).sigmoid()
        axes.plot(x, learned, color=_LEARNED, linewidth=1.6, linestyle="--", label="D, learned")
    axes.axhline(0.5, color=QUIET, linewidth=0.6, linestyle=":")
    return _finished(figure)


def plot_mode_seeking(
    divergences: Mapping[str, Divergence], log_p: LogDensity, modes: tuple[Gaussian, ...], ends: tuple[float, float]
) -> Image.Image:
    """Draw the Gaussian that comes nearest to a density, by each of some divergences, by name: see ``fit_gaussian``.

    Args:
        divergences: D_f(P || Q), whose second argument is the Gaussian.
        log_p: The density.
        modes: Where the searches begin, besides between them all.
        ends: Of the part of the line that is shown.
    """
    width = ends[1] - ends[0]
    x = torch.linspace(ends[0] - width, ends[1] + width, 3001, dtype=torch.float64)
    shown = x[1000:2001]
    middle = Gaussian(sum(mode.mean for mode in modes) / len(modes) + 0.02 * width, width / 4)
    figure, panels = _panels(len(divergences))
    for axes, (name, divergence) in zip(panels, divergences.items(), strict=True):
        q, value = fit_gaussian(divergence, log_p, x, [middle, *modes])
        _draw_density(axes, shown, log_p(shown).exp(), _P, "p")
        _draw_density(axes, shown, q.log_density(shown).exp(), _Q, f"q: mean {q.mean:z.2f}, deviation {q.std:.2f}")
        axes.set_title(f"{name} {value:.2f}", loc="left", fontsize=13, fontweight="bold", pad=9)
    return _finished(figure)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.2 if count == 1 else 4.6 * count, 4.2), dpi=100, facecolor="white")
    return figure, list(figure.subplots(1, count, sharey=True, squeeze=False)[0])


def _draw_density(axes: Axes, x: Tensor, density: Tensor, color: str, label: str) -> None:
    axes.fill_between(x, density, color=color, alpha=0.15, linewidth=0)
    axes.plot(x, density, color=color, linewidth=1.0, label=label)


def _finished(figure: Figure) -> Image.Image:
    for axes in figure.axes:
        axes.set_ylim(bottom=0)
        axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
        axes.spines[:].set_visible(False)
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(-0.02, -0.07), ncols=4)
    figure.tight_layout()
    return drawn(figure)
