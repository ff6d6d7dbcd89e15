"""Where optimal transport would take generated points, over a critic and its gradient."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import optimal_transport
from lightning_gans.figures.points import PlotWindow, logit_field, plot_points


def plot_transport(
    real: Tensor, fake: Tensor, score: Callable[[Tensor], Tensor] | None = None, window: PlotWindow | None = None
) -> Image.Image:
    """Draw a line from each generated point to its partner in the exact Wasserstein-1, over what a critic says.

    The title has the distance and, of a critic, its own estimate (the difference of its means, in units of its slope)
    and the mean cosine between its gradients and the lines: 1 for the optimal critic.

    Args:
        real: Points (N, 2), 200 at most.
        fake: Points (N, 2).
        score: The critic, from points (N, 2), of the type of ``fake``, to values (N, ...): a network is one.
        window: The part of the plane that is shown; by default that of all points.

    Raises:
        ConfigError: As of ``optimal_transport``; points are not of the plane, or the critic's values not finite.
    """
    distance, partner = optimal_transport(real, fake)
    if real.shape[1] != 2:
        raise ConfigError("real", tuple(real.shape), "ways are drawn in the plane: (N, 2)")
    window = window or PlotWindow.of(torch.cat([real, fake]))
    title = f"W1 {distance:.3f}"
    ways = torch.stack([fake, real[partner]], 1)  # (N, 2 ends, 2)
    if score is None:
        return plot_points(fake, real, window, title, ways=ways)
    field = logit_field(lambda points: score(points.to(fake)), real, fake, window)
    if field is None:
        raise ConfigError("score", score, "the critic's values are not finite")
    with torch.no_grad():
        estimate = score(real.to(fake)).double().mean() - score(fake).double().mean()
    slope = field.generator_direction.double()
    cosine = torch.cosine_similarity(slope, (ways[:, 1] - ways[:, 0]).double(), dim=1).mean()
    title = f"{title}, critic {estimate / slope.norm(dim=1).mean():.3f}, cosine {cosine:.2f}"
    return plot_points(fake, real, window, title, field=field, ways=ways)
