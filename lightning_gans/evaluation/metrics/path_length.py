"""How smoothly a generator turns one latent's image into another's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import Comparing, FeatureExtractor, maps_by, maps_distance
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.metrics.functional.path_length import perceptual_path_length

if TYPE_CHECKING:
    from lightning_gans.evaluation.sources import GeneratedSource

_AT_ONCE = 64  # paths; twice as many images


class PerceptualPathLength(Metric):
    """How far images move, in features, for a step along the path between two latents, see ``perceptual_path_length``.

    ``ppl_z_<features>``: the path is that of the prior, the great circle for normal latents; or, of a styled generator,
    ``ppl_w_<features>``: the line between two styles, with one noise for all images. The class, or whatever else is
    given, stays that of the first end. Distances are ``maps_distance``, so figures of other features are other figures.
    None of a model that generates from no latents, nor in W without styles.

    Args:
        features: What images are compared by, not rounded to 8 bits.
        num_paths: 100,000 in the paper.
        in_w: Whether between styles.
        ends: Whether the step is at the start of each path, or anywhere along it, by chance; the figure is then
            called ``ppl_z_end_<features>``.
        epsilon: The step, as a share of the path.
        seed: Selects latents and places.
        kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        ConfigError: No path, or no step.
    """

    full_state_update = False
    higher_is_better = False
    distances: list[Tensor]

    def __init__(
        self,
        features: Comparing,
        num_paths: int = 1000,
        *,
        in_w: bool = False,
        ends: bool = False,
        epsilon: float = 1e-4,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_paths < 1:
            raise ConfigError("num_paths", num_paths, "must be positive")
        if not 0 < epsilon < 1:
            raise ConfigError("epsilon", epsilon, "must lie between 0 and 1")
        self.features, self.num_paths, self.in_w, self.ends = features, num_paths, in_w, ends
        self.epsilon, self.seed = epsilon, seed
        known = features if isinstance(features, FeatureExtractor) else None
        suffix = f"_{type(features).__name__.removesuffix('Maps').lower()}" if known is None else known.metric_suffix
        self.name = f"ppl_{'w' if in_w else 'z'}{'_end' * ends}{suffix}"
        self.higher_is_better_by_name: dict[str, bool | None] = {self.name: False}
        self.add_state("distances", [], dist_reduce_fx="cat")

    def update(self, image_source: ImageSource) -> None:
        """Take the paths of what generates the samples; each process walks its slice of them."""
        from lightning_gans.engine import LatentModel  # here: the engine brings Lightning, metrics do not
        from lightning_gans.engine.processes import rank_slice
        from lightning_gans.engine.protocols import is_styled
        from lightning_gans.evaluation.sources import GeneratedSource

        if not isinstance(image_source, GeneratedSource) or not isinstance(image_source.model, LatentModel):
            return
        if self.in_w and not is_styled(image_source.model.generator):
            return
        begin, end = rank_slice(self.num_paths)
        for first in range(begin, end, _AT_ONCE):
            self.distances.append(self._distances(image_source, first, min(first + _AT_ONCE, end)))

    def compute(self) -> dict[str, Tensor]:
        """The value from all paths of all processes by its name, float64 on the CPU; none where there were none."""
        if len(self.distances) == 0:
            return {}
        return {self.name: perceptual_path_length(dim_zero_cat(self.distances), self.epsilon)}

    @torch.no_grad()
    def _distances(self, source: "GeneratedSource", first: int, last: int) -> Tensor:
        """Of paths ``first`` to ``last`` (n,): from latents 2i to 2i + 1."""
        from lightning_gans.engine.rng import fold_in, rows_from_index

        model: Any = source.model
        t = rows_from_index(torch.rand, fold_in(self.seed, 4), first, last, 1) * (0 if self.ends else 1)  # (n, 1)
        t, seed = torch.cat([t, t + self.epsilon], 1).to(model.device), fold_in(self.seed, 3)  # (n, 2)
        condition = model.sample_condition(2 * first, 2 * last, seed).map(lambda part: part.to(model.device))
        z, *given = model.generator_inputs(condition, 2 * first, 2 * last, seed)
        if self.in_w:
            images = _between_styles(model, z, condition.tensors(), t, source.ema)
        else:
            paths = zip(z[::2], z[1::2], t.to(z), strict=True)
            walked = torch.cat([model.prior.interpolate(a, b, places[:, None]) for a, b, places in paths])  # (2 n, Z)
            images = model(walked, *map(_of_first_end, given), ema=source.ema)
        maps = maps_by(self.features)(images.float())
        return maps_distance([each[::2] for each in maps], [each[1::2] for each in maps])


def _of_first_end(part: Tensor) -> Tensor:
    """What is given to both ends of each path, two rows (2 n, ...) each: the first of both."""
    return part[::2].repeat_interleave(2, 0)


def _between_styles(model: Any, z: Tensor, given: Sequence[Tensor], t: Tensor, ema: bool) -> Tensor:
    """Images (2 n, C, H, W) at places t (n, 2) of the lines between the styles of latents 2i and 2i + 1, (2 n, Z)."""
    from lightning_gans.engine.ema import eval_mode

    generator = model.inference_network("generator", ema=ema)
    with eval_mode(generator):
        w = generator.mapping(z, *map(_of_first_end, given))
        walked = w[::2, None].lerp(w[1::2, None], t[:, :, None]).flatten(0, 1)  # (2 n, W)
        images: Tensor = generator.synthesis(walked[:, None].expand(-1, generator.num_styles, -1), None)
    return images
