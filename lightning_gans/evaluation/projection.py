"""An image's latents: the styles and the noise from which a styled generator makes the image nearest to it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.engine import LatentModel, Styled, fold_in, is_styled, rows_from_index
from lightning_gans.engine.ema import eval_mode
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import Comparing, maps_by

_NUM_STYLES, _AT_ONCE = 10_000, 1000  # that the mean and the scale are of
_LARGEST = 256  # side at which images are compared
_LEARNING_RATE, _WARM_UP, _COOL_DOWN = 0.1, 0.05, 0.25  # shares of the steps
_DISTURBANCE, _DISTURBED = 0.05, 0.75
_NOISE_WEIGHT, _SMALLEST_NOISE = 1e5, 8
_DARKEST = 1e-3  # mean square of a map that distances are relative to, at least


class Projection(NamedTuple):
    """What was found."""

    styles: Tensor
    """(L, W), one for each layer."""
    noise: Tensor
    """(P,)"""
    image: Tensor
    """What the generator makes of them, (C, H, W) in [-1, 1] or a little beyond."""
    distance: float
    """Between that and the target, see ``relative_distance``."""
    first_distance: float
    """The same at W's mean, with the noise that the generator keeps."""
    progress: Tensor
    """Images on the way (K, C, H, W), the first of W's mean, the last is ``image``; fewer where steps are few."""


@dataclass
class Projector:
    """Searches the latents of images by gradient descent from W's mean.

    Karras et al. 2020, arXiv:1912.04958, app. D: it minimizes the distance of feature maps, and of the pixels (Abdal et
    al. 2019, arXiv:1904.03189, eq. 1), since features may not see a color, plus 1e5 times the autocorrelation of the
    noise, by Adam at a rate of 0.1, which rises over the first 5% of the steps and falls as a
    cosine over the last 25%. In the first 75%, styles are disturbed by normal noise of 0.05 s (1 - t / 0.75)^2, with s
    the root mean square distance of styles to their mean. Images of more than 256 pixels are compared at 256.

    Args:
        features: What images are compared by; the paper's are VGG16's as LPIPS weighs them.
        per_layer: Whether each layer has a style of its own (W+, Abdal et al. 2019): nearer to the
            image, and further from what the generator has learned. Or all have the same, as in the paper.
        steps: Number of steps.
        seed: Of what is drawn.
        num_pictures: K of ``Projection.progress``.
        report: Called after each step with the number of steps done and their total.

    Raises:
        ConfigError: There is no step, or fewer than two pictures.
    """

    features: Comparing
    per_layer: bool = False
    steps: int = 1000
    seed: int = 0
    num_pictures: int = 8
    report: Callable[[int, int], None] = field(default=lambda done, total: None)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError("steps", self.steps, "must be 1 or more")
        if self.num_pictures < 2:
            raise ConfigError("num_pictures", self.num_pictures, "the first and the last are two")

    def __call__(self, model: LatentModel, target: Tensor, *, label: int | None = None, ema: bool = True) -> Projection:
        """The latents of a target (C, H, W) in [-1, 1], on the model's device.

        Args:
            model: A model whose generator has styles.
            target: As large as what the generator makes.
            label: Class whose styles' mean is the start, of a class-conditional model.
            ema: Averaged weights, or the raw ones.

        Raises:
            ConfigError: The generator has no styles, the target another shape, or a class is missing or superfluous.
        """
        generator = model.inference_network("generator", ema=ema)
        if not is_styled(generator):
            hint = "has no styles to search; StyleGAN2's generator has"
            raise ConfigError("model", type(model).__name__, hint)
        with eval_mode(generator):  # type: ignore[arg-type] # it is a module too
            mean, scale = self._statistics(model, generator, label)
            return self._search(generator, target.to(model.device)[None], mean, scale)

    @torch.no_grad()
    def _statistics(self, model: LatentModel, generator: Styled, label: int | None) -> tuple[Tensor, float]:
        """The mean of W, (W,), and the root mean square distance to it."""
        classes = model.num_classes
        if (label is None) != (classes is None) or (label is not None and classes and not 0 <= label < classes):
            hint = "the model knows no classes; drop it" if classes is None else f"name a class: 0 to {classes - 1}"
            raise ConfigError("label", label, hint)
        z = rows_from_index(model.prior, fold_in(self.seed, 0), 0, _NUM_STYLES, model.latent_dim)
        found = []
        for part in z.split(_AT_ONCE):
            given = [] if label is None else [torch.full((len(part),), label, device=model.device)]
            found.append(generator.mapping(part.to(model.device).type(model.dtype), *given))
        styles = torch.cat(found)
        mean = styles.mean(0)
        return mean, float((styles - mean).square().sum(1).mean().sqrt())

    def _search(self, generator: Styled, target: Tensor, mean: Tensor, scale: float) -> Projection:
        wanted = [each.detach() for each in self._maps(target)]
        random = torch.Generator().manual_seed(fold_in(self.seed, 5))

        def drawn(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=random).to(like)

        layers = generator.num_styles if self.per_layer else 1
        styles = mean.expand(1, layers, -1).clone().requires_grad_()  # (1, L or 1, W)
        noise = drawn(styles.new_empty(1, generator.num_noise)).requires_grad_()
        with torch.no_grad():
            start = self._image(generator, styles, None, target)
            first_distance = float(relative_distance(self._maps(start), wanted))
        pictures, shown = [start], self._shown()
        optimizer = torch.optim.Adam([styles, noise])
        for step in range(self.steps):
            t = step / self.steps
            disturbed = styles + drawn(styles) * scale * disturbance(t)
            image = self._image(generator, disturbed, noise, target)
            regularizer = noise_correlation(noise_maps(noise, generator.noise_sides))
            loss = relative_distance(self._maps(image), wanted) + _NOISE_WEIGHT * regularizer
            styles.grad, noise.grad = torch.autograd.grad(loss, [styles, noise])  # the generator's weights get none
            optimizer.param_groups[0]["lr"] = learning_rate(t)
            optimizer.step()
            with torch.no_grad():
                noise.copy_(torch.cat([_standard(each) for each in noise_maps(noise, generator.noise_sides)], dim=1))
            if step in shown:
                pictures.append(image.detach())
            self.report(step + 1, self.steps)
        with torch.no_grad():
            image = self._image(generator, styles, noise, target)
            distance = float(relative_distance(self._maps(image), wanted))
        every = styles.detach()[0].expand(generator.num_styles, -1)
        progress = torch.cat([*pictures, image])
        return Projection(every, noise.detach()[0], image[0], distance, first_distance, progress)

    def _shown(self) -> set[int]:
        """Steps whose images are kept between the first and the last: more of the first ones, where most happens."""
        places = range(1, self.num_pictures - 1)
        return {int(self.steps * (place / (self.num_pictures - 1)) ** 2) for place in places}

    def _image(self, generator: Styled, styles: Tensor, noise: Tensor | None, target: Tensor) -> Tensor:
        image = generator.synthesis(styles.expand(-1, generator.num_styles, -1), noise)
        if image.shape != target.shape:
            hint = f"the generator makes images {tuple(image.shape[1:])}; resize it"
            raise ConfigError("target", tuple(target.shape[1:]), hint)
        return image

    def _maps(self, images: Tensor) -> list[Tensor]:
        """What is compared: pixels, and feature maps."""
        if max(images.shape[2:]) > _LARGEST:
            images = F.interpolate(images, (_LARGEST, _LARGEST), mode="area")
        return [images, *maps_by(self.features)(images)]


def relative_distance(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Mean over maps of |a - b|^2 / |b|^2, where b are those that are wanted: a scalar, of whatever scale they are.

    Example:
        >>> relative_distance([torch.ones(2, 2), torch.ones(3)], [2 * torch.ones(2, 2), torch.ones(3)])
        tensor(0.1250)
    """
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([(a - b).square().mean() / b.square().mean().clamp(min=_DARKEST) for a, b in pairs]).mean()


def learning_rate(t: float) -> float:
    """Of the projection at a share t of its steps.

    Example:
        >>> [round(learning_rate(t), 3) for t in (0, 0.025, 0.05, 0.75, 0.875, 1)]
        [0.0, 0.05, 0.1, 0.1, 0.05, 0.0]
    """
    falling = min(1.0, (1 - t) / _COOL_DOWN)
    return _LEARNING_RATE * (0.5 - 0.5 * math.cos(falling * math.pi)) * min(1.0, t / _WARM_UP)


def disturbance(t: float) -> float:
    """Standard deviation of what is added to styles at a share t of the steps, over their scale.

    Example:
        >>> [round(disturbance(t), 4) for t in (0, 0.375, 0.75, 1)]
        [0.05, 0.0125, 0.0, 0.0]
    """
    return float(_DISTURBANCE * max(0.0, 1 - t / _DISTURBED) ** 2)


def noise_maps(noise: Tensor, sides: Sequence[int]) -> Iterator[Tensor]:
    """Noise (N, P) as the parts that belong to layers of these sides, (N, side^2) each."""
    return iter(noise.split([side * side for side in sides], dim=1))


def noise_correlation(maps: Iterator[Tensor]) -> Tensor:
    """How much noise looks like something: a scalar, near 0 for white noise.

        sum over maps n and their halves, down to 8 x 8:    E[n(x, y) n(x - 1, y)]^2 + E[n(x, y) n(x, y - 1)]^2

    Karras et al. 2020, arXiv:1912.04958, app. D.

    Args:
        maps: (N, side^2) each.
    """
    total: list[Tensor] = []
    for flat in maps:
        side = math.isqrt(flat.shape[1])
        noise = flat.view(-1, 1, side, side)
        while True:
            total += [(noise * noise.roll(1, dims=axis)).mean().square() for axis in (2, 3)]
            if noise.shape[2] <= _SMALLEST_NOISE:
                break
            noise = 2 * F.avg_pool2d(noise, 2)  # whose variance is that of the whole
    return torch.stack(total).sum()


def _standard(noise: Tensor) -> Tensor:
    """A map (N, side^2) with mean 0 and mean square 1."""
    centered = noise - noise.mean()
    return centered * centered.square().mean().rsqrt()
