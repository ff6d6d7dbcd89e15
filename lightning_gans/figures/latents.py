"""Pictures of the latents that images have."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from torch import Tensor

from lightning_gans.figures.points import QUIET, drawn

_BAR, _IDLE = "#17375e", "#d9a79f"


def principal_plane(codes: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """Codes (N, Z) in the plane in which they differ most, (N, 2), and the shares of their variance along its axes.

    The first two principal components; each points to where its largest entry is positive, so that pictures of
    consecutive steps agree.

    Example:
        >>> plane, shares = principal_plane(torch.tensor([[0.0, 3.0, 1.0], [0.0, -3.0, 1.0]]))
        >>> plane[:, 0], shares[0]
        (tensor([ 3., -3.], dtype=torch.float64), 1.0)
    """
    centered = codes.double().cpu() - codes.double().cpu().mean(0)
    _, values, axes = torch.linalg.svd(centered, full_matrices=False)
    axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    shares = values.square() / values.square().sum().clamp(min=1e-12)
    return centered @ axes[:2].T, (float(shares[0]), float(shares[1]))


def plot_latents(
    codes: Tensor, labels: Tensor | None, title: str, kl: Tensor | None = None, active: Tensor | None = None
) -> Image.Image:
    """Draw the latents (N, Z) of images, colored by their classes (N,), and how much each latent says.

    Two latents as they are, more of them in their principal plane, one over nothing. Beside them the KL term (Z,) of
    each in nats, pale where it is not ``active`` (Z,).
    """
    figure = Figure(figsize=(11.4 if kl is not None else 7.0, 6.6), dpi=100, facecolor="white")
    wide = 0.56 if kl is not None else 0.83
    axes = figure.add_axes((0.06, 0.09, wide, 0.83))
    _scatter(axes, codes.detach(), labels)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=9)
    if labels is not None:
        legend: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02), "fontsize": 9, "frameon": False}
        axes.legend(**legend, handletextpad=0.1)
    if kl is not None and active is not None:
        bars = figure.add_axes((0.745, 0.09, 0.245, 0.83))
        colors = [_BAR if each else _IDLE for each in active.tolist()]
        bars.bar(range(len(kl)), kl.double().cpu().numpy(), color=colors)
        bars.set_title(f"{int(active.sum())} of {len(kl)} active", loc="left", fontsize=11, pad=9)
        _quiet(bars, "latent", "KL, nats")
        bars.xaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn(figure)


def _scatter(axes: Axes, codes: Tensor, labels: Tensor | None) -> None:
    names = ("latent 0", "latent 1")
    points = torch.cat([codes, torch.zeros_like(codes)], 1) if codes.shape[1] == 1 else codes
    if points.shape[1] > 2:
        points, shares = principal_plane(points)
        first, second = (f"principal component {n} ({share:.0%} of the variance)" for n, share in enumerate(shares, 1))
        names = (first, second)
    x, y = points.double().cpu().numpy().T
    style: dict[str, Any] = {"s": 16, "alpha": 0.8, "linewidths": 0}
    if labels is None:
        axes.scatter(x, y, color=_BAR, **style)
    else:
        classes = labels.cpu().numpy()
        style |= {"cmap": "tab10", "vmin": 0, "vmax": max(9, int(classes.max()))}
        for label in sorted(set(classes.tolist())):
            chosen = classes == label
            axes.scatter(x[chosen], y[chosen], c=classes[chosen], label=str(label), **style)
    axes.set_aspect("equal", adjustable="datalim")
    _quiet(axes, *names)


def _quiet(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=QUIET)
    axes.set_ylabel(y, fontsize=9, color=QUIET)
    axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
    axes.spines[:].set_visible(False)
    axes.grid(color="#eeeeee", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
