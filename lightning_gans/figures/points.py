"""Pictures of points: generated ones beside real ones, over what the discriminator says of the plane."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from torch import Tensor, nn

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine.ema import eval_mode

_RESOLUTION = 96  # of the field along each axis
_ARROWS = 200
_FIELD = LinearSegmentedColormap.from_list("field", ["#df7a63", "#f3cdbf", "#fbfbf9", "#bdd7ea", "#5f9bc6"])
_REAL, _FAKE, _MODE, _ARROW, _WAY, QUIET = "#17375e", "#c8321e", "#111111", "#3a3a3a", "#4f8a2b", "#6b6b6b"


class PlotWindow(NamedTuple):
    """The square of the plane that all pictures of a run show: its middle (x, y), and half of its side."""

    center: tuple[float, float]
    half: float

    @classmethod
    def of(cls, points: Tensor) -> "PlotWindow":
        """The window of finite points (N, 2), with a margin for what the generator makes around them."""
        low, high = (points.double().quantile(q, dim=0) for q in (0.005, 0.995))
        x, y = ((low + high) / 2).tolist()
        return cls((x, y), max(0.7 * float((high - low).max()), 1e-6))

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        (x, y), half = self.center, self.half
        return x - half, x + half, y - half, y + half

    def lattice(self, side: int) -> Tensor:
        """Points (side^2, 2), float64: row by row, the lowest first."""
        left, right, bottom, top = self.extent
        ys, xs = torch.linspace(bottom, top, side).double(), torch.linspace(left, right, side).double()
        return torch.cartesian_prod(ys, xs).flip(1)

    def outside(self, points: Tensor) -> int:
        """How many points lie outside, or are no numbers."""
        offset = (points.double().cpu() - torch.tensor(self.center, dtype=torch.float64)).abs()
        return int((~(offset <= self.half)).any(1).sum())


class LogitField(NamedTuple):
    """What the discriminator says of the plane."""

    logits: Tensor
    """On a lattice (R, R), the lowest row first."""
    level: float
    """Halfway between its means on real and on generated points: the boundary of the original game (0) and of least
    squares (1/2), and of critics, whose zero means nothing."""
    generator_direction: Tensor
    """Direction of growing logits at the first generated points (M, 2)."""


def discriminates_2d_points(scored: Sample, batch: Batch) -> bool:
    """Whether what a model scores of a batch's real part are the points (N, 2) alone: no labels, latents or packs."""
    image, inputs = scored.image, scored.tensors()
    return image is not None and len(inputs) == 1 and image.shape[1:] == (2,) and torch.equal(image, batch.images)


def logit_field(
    score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, window: PlotWindow, side: int = _RESOLUTION
) -> LogitField | None:
    """Ask a discriminator about a part of the plane: the field, or None where logits are not finite.

    A step on the generator's loss moves a point against that loss's gradient. This is the gradient of the logit up to
    a positive factor for all losses that fall as the logit grows: minimax, non-saturating, hinge, Wasserstein, and
    least squares up to its target.

    Args:
        score: From points (N, 2), float64 or as ``fake``, to logits (N, ...); see ``undisturbed``.
        real: Real points (N, 2).
        fake: Generated points (M, 2).
        window: The part.
        side: Points of the lattice along each axis.
    """
    real, fake = real.detach(), fake.detach()
    with torch.no_grad():
        logits = _scalars(score(window.lattice(side)))
        real_logits, fake_logits = _scalars(score(real)), _scalars(score(fake))
    with torch.enable_grad():
        moved = fake[:_ARROWS].clone().requires_grad_()
        (direction,) = torch.autograd.grad(_scalars(score(moved)).sum(), moved)
    level = float(real_logits.mean() + fake_logits.mean()) / 2
    if not (logits.isfinite().all() and direction.isfinite().all() and math.isfinite(level)):
        return None
    return LogitField(logits.reshape(side, side).cpu(), level, direction.cpu())


@contextmanager
def undisturbed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """A model in eval mode, uncompiled, and torch's own generators as if nothing had been drawn."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), eval_mode(model), torch.compiler.set_stance("force_eager"):
        yield


def _scalars(logits: Tensor) -> Tensor:  # (N,)
    return logits.reshape(len(logits), -1).mean(1)


def plot_points(
    fake: Tensor,
    real: Tensor | None,
    window: PlotWindow,
    title: str,
    modes: Tensor | None = None,
    field: LogitField | None = None,
    ways: Tensor | None = None,
) -> Image.Image:
    """Draw generated points (M, d), d >= 2, and real ones (N, d): their first two coordinates, in a part of the plane.

    Modes (K, 2) are the centers of the data's, the field is what the discriminator says, ways (W, 2, 2) are lines from
    their first to their second end.
    """
    figure, axes = _figure()
    if field is not None:
        _draw_field(figure, axes, field, fake, window)
    if ways is not None:
        axes.add_collection(LineCollection(list(ways.detach().double().cpu().numpy()), colors=_WAY, linewidths=0.9))
        axes.plot([], [], color=_WAY, linewidth=1.2, label="transport")
    if real is not None:
        axes.scatter(*_plane(real), s=7, color=_REAL, alpha=0.45, linewidths=0, label="real", zorder=3)
    axes.scatter(*_plane(fake), s=11, color=_FAKE, alpha=0.75, linewidths=0, label="generated", zorder=5)
    if modes is not None:
        place: dict[str, Any] = {"s": 130, "facecolors": "none", "edgecolors": _MODE, "linewidths": 1.0, "zorder": 4}
        axes.scatter(*_plane(modes), label="mode", **place)
    left, right, bottom, top = window.extent
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    outside = window.outside(fake[:, :2])
    notes = [f"{outside:,} of {len(fake):,} generated points lie outside"] if outside else []
    if fake.shape[1] > 2:
        notes.append(f"coordinates 1 and 2 of {fake.shape[1]}")
    return _finished(figure, axes, title, "; ".join(notes))


def plot_histogram(fake: Tensor, real: Tensor | None, ends: tuple[float, float], title: str) -> Image.Image:
    """Draw histograms of generated numbers (M, 1) and of real ones (N, 1), between the ends of the axis."""
    figure, axes = _figure()
    settings: dict[str, Any] = {"bins": 60, "range": ends, "density": True, "histtype": "stepfilled", "alpha": 0.5}
    outside = 0
    for values, color, label in ((real, _REAL, "real"), (fake, _FAKE, "generated")):
        if values is not None:
            inside = values[(values >= ends[0]) & (values <= ends[1])].double().cpu()
            outside = len(values) - len(inside)  # at last, of the generated ones
            if len(inside):
                axes.hist(inside.numpy(), color=color, label=label, **settings)
    axes.set(xlim=ends)
    note = f"{outside:,} of {len(fake):,} generated numbers lie outside" if outside else ""
    return _finished(figure, axes, title, note)


def _plane(points: Tensor) -> tuple[Any, Any]:
    x, y = points[:, :2].detach().double().cpu().unbind(1)
    return x.numpy(), y.numpy()


def _figure() -> tuple[Figure, Axes]:
    """A figure of its own: pyplot would keep it, and change what a notebook shows."""
    figure = Figure(figsize=(7.2, 7.2), dpi=100, facecolor="white")
    return figure, figure.add_axes((0.075, 0.105, 0.825, 0.825))


def _draw_field(figure: Figure, axes: Axes, field: LogitField, fake: Tensor, window: PlotWindow) -> None:
    """Blue where D says real, red where it says fake, a line between; arrows where a step of G moves samples.

    The longest arrows are a sixteenth of the side; steeper slopes are drawn no longer.
    """
    logits = field.logits.double()
    half = max(float((logits - field.level).abs().quantile(0.98)), 1e-12)
    norm = Normalize(field.level - half, field.level + half)
    shown: dict[str, Any] = {"origin": "lower", "interpolation": "bilinear", "cmap": _FIELD, "norm": norm}
    drawn = axes.imshow(logits.numpy(), extent=window.extent, **shown)
    if logits.min() < field.level < logits.max():
        line: dict[str, Any] = {"colors": _ARROW, "linewidths": 0.9, "linestyles": "dashed"}
        axes.contour(logits.numpy(), levels=[field.level], extent=window.extent, zorder=2, **line)
    length = field.generator_direction.double().norm(dim=1, keepdim=True)
    scale = length.quantile(0.9).clamp(min=1e-12)
    arrows = field.generator_direction / length.clamp(min=1e-12) * (length / scale).clamp(max=1) * window.half / 8
    style: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.002, "color": _ARROW}
    axes.quiver(*_plane(fake[: len(arrows)]), *_plane(arrows), alpha=0.75, zorder=4.5, **style)
    axes.plot([], [], color=_ARROW, linewidth=0.9, linestyle="--", label="D's boundary")
    axes.plot([], [], color=_ARROW, linewidth=0, marker=r"$\rightarrow$", markersize=12, label="direction for G")
    side = figure.add_axes((0.915, 0.105, 0.014, 0.825))
    ticks = [field.level + offset for offset in (-half, 0.0, half)]
    figure.colorbar(drawn, cax=side, ticks=ticks).outline.set_visible(False)
    side.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    side.tick_params(length=0, labelsize=8, labelcolor=QUIET, pad=3)
    side.set_title("D", fontsize=9, color=QUIET)


def _finished(figure: Figure, axes: Axes, title: str, note: str) -> Image.Image:
    """Title, legend and quiet axes; the picture as RGB."""
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=9)
    axes.set_title(note, loc="right", fontsize=9, color=QUIET, pad=9)
    axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
    axes.spines[:].set_visible(False)
    found = zip(*axes.get_legend_handles_labels(), strict=True)
    entries = sorted(found, key=lambda entry: isinstance(entry[0], Line2D))  # points before lines
    handles, labels = zip(*entries, strict=True) if entries else ((), ())
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.01, -0.035), "ncols": max(1, len(labels))}
    legend = axes.legend(handles, labels, frameon=False, fontsize=10, handletextpad=0.3, columnspacing=1.6, **place)
    for handle in legend.legend_handles[: len(labels)]:
        if isinstance(handle, PathCollection) and handle.get_alpha() is not None:  # points, not the modes' circles
            handle.set(sizes=[26], alpha=0.9)
    return drawn(figure)


def drawn(figure: Figure) -> Image.Image:
    """A figure as a picture, RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call] # matplotlib leaves it untyped
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call] # likewise
    return Image.frombytes("RGBA", canvas.get_width_height(), bytes(pixels)).convert("RGB")
