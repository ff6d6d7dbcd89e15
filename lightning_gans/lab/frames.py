"""What is shown of a game in the plane: a scene that stays the same, and frames of how it stands."""

import base64
import math
import time
from collections.abc import Collection
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from lightning_gans.batch import Batch, Sample
from lightning_gans.callbacks import data
from lightning_gans.engine import LatentModel
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.density import kl_js_on_lattice
from lightning_gans.evaluation.metrics.functional.transport import optimal_transport
from lightning_gans.figures.points import PlotWindow, discriminates_2d_points, logit_field, undisturbed
from lightning_gans.models.gan import GAN

PARTS = ("fake", "surface", "grid", "pull", "transport", "measures")
"""What a frame of points may show: generated points; D's logits; where the generator brings a regular grid of latents;
where a step of the generator's loss moves its points; to which real points they are cheapest to be moved; how far the
two samples are from each other."""

_POINTS, _MEASURED, _TRANSPORTED, _PULLED = 500, 1000, 200, 120
_PACKABLE = 840  # points, which divide into packs of up to 8
_LEAST_HALF = 1.0  # of the window's side: generated points come from farther than a small cloud of real ones is wide
_SIDE = 40  # of the surface's lattice
_GRID, _LINE = 21, 201  # latents along an axis of two or more, and of one
_GRID_END = 0.98  # of the distribution's mass along each axis, all between its ends
_MEASURE_EVERY = 0.5  # seconds


class PointFrames:
    """Scene and frames of a game on points.

    The scene: ``window`` [x, y, half of its side], ``real`` points, ``modes`` [[x, y], ...] or None, ``latent_dim``,
    ``num_classes``, ``probability``: whether D's values are logits of one, ``floor``: the kl, js and w1 of other real
    points, as many as are generated; None where the data have too few. A frame has those of ``PARTS`` that are asked
    for and that there are: ``fake`` points; ``surface``, bytes (40 x 40, the lowest row first) between
    ``surface_range`` [low, high], with D's ``boundary``; ``grid`` points in rows of ``grid_side``; ``pull`` (x, y, dx,
    dy), of which the longest is ``pull_length`` before it is scaled, and ``transport`` (x, y, x', y'); ``measures``
    kl, js, w1 and what else the data measure, twice a second.

    Points are base64 of little-endian int16 pairs, 32767 for twice the half side from the center.
    """

    kind = "points"

    def __init__(self, trainer: Trainer, model: LatentModel) -> None:
        self.model = model
        dataset = data.real_images(trainer)
        assert dataset is not None  # the games of fit have data
        twice = data.spread_batch(dataset, 2 * _MEASURED)
        enough = twice.size == 2 * _MEASURED
        half = Batch(twice.images[::2], twice.condition.map(lambda part: part[::2]))
        self._batch = half if enough else data.spread_batch(dataset, _MEASURED)
        self.real = _plane(self._batch.images)
        window = PlotWindow.of(self.real)
        self.window = PlotWindow(window.center, max(window.half, _LEAST_HALF))
        self._floor = self._distances(_plane(twice.images[1::2])) if enough else None
        self._modes = data.mode_centers(trainer)
        self._metrics = data.data_metrics(trainer)
        self._lattice = PlotWindow(self.window.center, self.window.half * (_SIDE - 1) / _SIDE)  # centers of its cells
        condition = model.sample_condition(0, _MEASURED, 0)
        self._inputs = model.generator_inputs(condition.map(lambda part: part.to(model.device)), 0, _MEASURED, 0)
        self._grid = _grid_of_latents(model)
        self._scores_points = self._has_surface()
        objective = model.critic.objective if isinstance(model, GAN) else None
        self._probability = objective is not None and objective.cross_entropy
        self._measured = -math.inf

    def scene(self) -> dict[str, Any]:
        """What stays the same."""
        modes = None if self._modes is None else _plane(self._modes).tolist()
        return {
            "window": [*self.window.center, self.window.half],
            "real": self.coded(self.real[:_POINTS]),
            "modes": modes,
            "latent_dim": self.model.latent_dim,
            "num_classes": self.model.num_classes,
            "floor": self._floor,
            "probability": self._probability,
        }

    def frame(self, parts: Collection[str]) -> dict[str, Any]:
        """How the game stands; what is not finite is left out."""
        found: dict[str, Any] = {}
        now = time.monotonic()
        due = "measures" in parts and now - self._measured > _MEASURE_EVERY
        count = _MEASURED if due else _POINTS
        with undisturbed(self.model, self.model.device), torch.no_grad():
            fake = _plane(self.model(*(part[:count] for part in self._inputs), ema=False))
            if not fake.isfinite().all():
                return found
            if "fake" in parts:
                found["fake"] = self.coded(fake[:_POINTS])
            if self._scores_points and not {"surface", "pull"}.isdisjoint(parts):
                found |= self._of_discriminator(fake, parts)
            if "grid" in parts and self._grid is not None:
                found["grid"] = self.coded(_plane(self.model(self._grid, ema=False)))
                found["grid_side"] = len(self._grid) if self.model.latent_dim == 1 else _GRID
            if "transport" in parts:
                few, real = fake[:_TRANSPORTED], self.real[:_TRANSPORTED]
                goal = real[optimal_transport(real, few[: len(real)]).partner]
                found["transport"] = self.coded(torch.cat((few[: len(goal)], goal), 1))
            if due:
                self._measured = now
                found["measures"] = self._measures(fake)
        return found

    def answer(self, kind: str, **what: Any) -> dict[str, Any]:
        """What else is asked for: of points, nothing.

        Raises:
            ConfigError: There is no such thing.
        """
        raise ConfigError(kind, what, "is nothing that a game of points answers")

    def coded(self, points: Tensor, origin: bool = True) -> str:
        """Points (N, 2 k), or differences of such, in 16 bits for each coordinate."""
        center = torch.tensor(self.window.center, dtype=torch.float64).repeat(points.shape[1] // 2)
        scaled = (points.double().cpu() - center * origin) / (2 * self.window.half)
        whole = (scaled.clamp(-1, 1) * 32767).round().to(torch.int16)
        return base64.b64encode(whole.numpy().astype("<i2").tobytes()).decode()

    def _has_surface(self) -> bool:
        if not isinstance(self.model, GAN) or self._batch.images.shape[1:] != (2,):
            return False
        with undisturbed(self.model, self.model.device), torch.no_grad():
            device = self.model.device
            few = self._batch.condition.map(lambda part: part[:_PACKABLE])
            prepared = self.model.prepare(Batch(self._batch.images[:_PACKABLE], few))
            prepared = Batch(prepared.image.to(device), prepared.condition.map(lambda part: part.to(device)))
            return discriminates_2d_points(self.model.real(prepared), prepared)

    def _of_discriminator(self, fake: Tensor, parts: Collection[str]) -> dict[str, Any]:
        assert isinstance(self.model, GAN)
        model, few = self.model, fake[:_PULLED]

        def score(x: Tensor) -> Tensor:
            return model.critic.logits(Sample(x.to(model.device).type(model.dtype)))

        field = logit_field(score, self.real[:_TRANSPORTED], few, self._lattice, _SIDE)
        if field is None:
            return {}
        found: dict[str, Any] = {}
        if "surface" in parts:
            half = max(float((field.logits - field.level).abs().quantile(0.98)), 1e-12)
            shares = (field.logits - field.level + half) / (2 * half)
            found["surface"] = base64.b64encode(_bytes(shares)).decode()
            found |= {"surface_range": [field.level - half, field.level + half], "boundary": field.level}
        if "pull" in parts:
            length = field.generator_direction.norm(dim=1, keepdim=True)
            scale = length.quantile(0.9).clamp(min=1e-12)
            arrows = field.generator_direction / length.clamp(min=1e-12) * (length / scale).clamp(max=1)
            arrows = arrows * self.window.half / 8 + torch.tensor(self.window.center)
            found |= {"pull": self.coded(torch.cat((few.cpu(), arrows), 1)), "pull_length": number(float(length.max()))}
        return found

    def _measures(self, fake: Tensor) -> dict[str, float | None]:
        found: dict[str, Any] = {}
        for metric in self._metrics.values():
            metric.reset()
            metric.update(fake, real=False)
            found |= metric.compute()
        return self._distances(fake) | {name: number(float(value)) for name, value in found.items()}

    def _distances(self, points: Tensor) -> dict[str, float | None]:
        few = min(_TRANSPORTED, len(self.real))
        divergences = kl_js_on_lattice(self.real, points, self.window.center, self.window.half)
        w1 = optimal_transport(self.real[:few], points[:few]).distance
        return {name: number(float(value)) for name, value in {**divergences._asdict(), "w1": w1}.items()}


Losses = dict[str, list[tuple[int, Tensor]]]
"""By player: the step, and the loss that is not read yet."""


def readable_losses(losses: Losses, most: int = 100) -> dict[str, list[list[float | None]]]:
    """Losses by player as [step, value], at most so many of them; None for what is no number."""
    found: dict[str, list[list[float | None]]] = {}
    for player, pairs in losses.items():
        kept = pairs[:: max(1, -(-len(pairs) // most))]
        values = torch.stack([loss.float() for _, loss in kept]).tolist() if kept else []
        found[player] = [[step, number(value)] for (step, _), value in zip(kept, values, strict=True)]
    return found


def number(value: float) -> float | None:
    """A number as JSON knows it."""
    return value if math.isfinite(value) else None


def _grid_of_latents(model: LatentModel) -> Tensor | None:
    """A regular grid over the latents' distribution, row by row: of the first two, the others 0; None with conditions.

    Its lines are quantiles of draws: between two of them lies the same mass, so where the grid is wide, few points are.
    """
    if model.given:
        return None
    z, *_ = model.generator_inputs(model.sample_condition(0, 4096, 0), 0, 4096, 0)
    axes = min(model.latent_dim, 2)
    ends = (1 - _GRID_END) / 2
    shares = torch.linspace(ends, 1 - ends, _LINE if axes == 1 else _GRID, device=z.device, dtype=z.dtype)
    lines = [z[:, axis].quantile(shares) for axis in range(axes)]
    places = torch.cartesian_prod(*reversed(lines)).reshape(-1, axes).flip(1)
    rest = torch.zeros(len(places), model.latent_dim - axes, device=z.device, dtype=z.dtype)
    return torch.cat((places, rest), 1)


def _plane(points: Tensor) -> Tensor:
    """The first two coordinates (N, 2) of points; numbers lie on the axis."""
    flat = points.flatten(1).detach().cpu()
    return torch.cat((flat, torch.zeros_like(flat)), 1)[:, :2] if flat.shape[1] == 1 else flat[:, :2]


def _bytes(shares: Tensor) -> bytes:
    return (shares.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy().tobytes()
