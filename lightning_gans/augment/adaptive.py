"""Augmentation whose strength follows the run, or how much the discriminator overfits."""

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lightning_gans.augment.augment import Augment
from lightning_gans.augment.pipeline import Blit, ColorMatrix, Geometry, RandomChange, change_at_random
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Hinge, Objective
from lightning_gans.schedule import Clock, Ramp, ramped, value_at


class RandomAugment(Augment):
    """Real and generated images are changed with a probability that stays, or is ramped over the run.

    Karras et al. 2020, arXiv:2006.06676, section 2.2, where p is fixed; in R3GAN's code it rises from 0. Changes that
    happen to few enough images do not leak into the generated ones.

    Args:
        p: The probability.
        transforms: What is done to images, in this order; blitting, geometry and color when None.

    Raises:
        ConfigError: The probability leaves [0, 1]. In training: the samples are no images.
    """

    def __init__(self, p: float | Ramp = 0.2, transforms: Sequence[RandomChange] | None = None) -> None:
        self.p: float | Ramp = ramped(p)
        for value in (self.p.start, self.p.end) if isinstance(self.p, Ramp) else (self.p,):
            _check_probability(value)
        self.transforms = _chosen(transforms)
        self.needs_horizon = isinstance(self.p, Ramp)

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Augmented images."""
        self.require_images(samples)
        p = torch.full((), value_at(self.p, clock), device=samples.device)
        return change_at_random(samples, self.transforms, rand, p)

    def logged(self, clock: Clock) -> dict[str, float]:
        """``augment_p``."""
        return {"augment_p": value_at(self.p, clock)}


class AdaptiveAugment(Augment, nn.Module):
    """Real and generated images are changed with a probability that rises while the discriminator overfits.

        r = E[sign(D(x))],    p <- max(0, p + sign(r - target) interval batch_size / images)

    Adaptive discriminator augmentation (ADA), Karras et al. 2020, arXiv:2006.06676, sections 2 and 3. The share r of
    real images that D tells to be real, less that of the others, nears 1 where it knows them by heart. Changes that
    happen to few enough images do not leak into the generated ones. As in the authors' code, p has no upper limit, and
    counts as 1 beyond it. For objectives whose logits are positive for real images: no critics.

    Args:
        target: r that is aimed at.
        images: Number of real images in which p could rise from 0 to 1.
        interval: Number of D's updates after which p changes.
        transforms: What is done to images, in this order; blitting, geometry and color when None, the paper's choice.
        p: Probability that is begun with.

    Raises:
        ConfigError: A setting is out of its range. In training: the samples are no images.
    """

    level: Tensor
    signs: Tensor
    rated: Tensor

    def __init__(
        self,
        target: float = 0.6,
        images: int = 500_000,
        interval: int = 4,
        transforms: Sequence[RandomChange] | None = None,
        p: float = 0.0,
    ) -> None:
        super().__init__()
        if not -1 <= target <= 1:
            raise ConfigError("target", target, "is a mean of signs, from -1 to 1")
        for name, value in (("images", images), ("interval", interval)):
            if value < 1:
                raise ConfigError(name, value, "must be 1 or more")
        _check_probability(p)
        self.target, self.images, self.interval = target, images, interval
        self.transforms = _chosen(transforms)
        # Whole numbers: exact, and of a format that no precision changes.
        self.register_buffer("level", torch.tensor(round(p * images)))  # p, in images
        self.register_buffer("signs", torch.zeros(2, dtype=torch.long))  # their sum and number since p changed
        self.register_buffer("rated", torch.zeros(2, dtype=torch.long))  # the same when it did

        self._update: int | None = None  # the last one that was observed

    @property
    def p(self) -> Tensor:
        """The probability, a scalar."""
        return (self.level / self.images).clamp(max=1)

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Augmented images."""
        self.require_images(samples)
        return change_at_random(samples, self.transforms, rand, self.p)

    def validate(self, objective: Objective | None) -> None:
        """Logits must be positive for what is held for real: cross-entropies and the hinge."""
        if objective is None or not (objective.cross_entropy or isinstance(objective, Hinge)):
            what = "features" if objective is None else f"{type(objective).__name__}'s logits"
            hint = f"follows the signs of logits, and {what} have no zero between real and generated; take DiffAugment"
            raise ConfigError("augment", type(self).__name__, hint)

    def observe(self, real_logits: Tensor, clock: Clock) -> None:
        """Change p where it is time, then count the signs of real images' logits; the device is not waited for."""
        if clock.updates % self.interval == 0 and clock.updates != self._update:  # not in every micro-batch of it
            way = (self.signs[0] - self.target * self.signs[1]).sign().long()
            self.level.add_(way * self.interval * clock.batch_size).clamp_(min=0)
            self.rated.copy_(self.signs)
            self.signs.zero_()
        self._update = clock.updates
        signs = torch.stack([real_logits.sign().sum(), real_logits.new_full((), real_logits.numel())]).long()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(signs)
        self.signs += signs

    def logged(self, clock: Clock) -> dict[str, Tensor]:
        """``augment_p`` and ``augment_rt``, the r by which it has changed last."""
        return {"augment_p": self.p, "augment_rt": self.rated[0] / self.rated[1].clamp(min=1)}


def _chosen(transforms: Sequence[RandomChange] | None) -> tuple[RandomChange, ...]:
    return (Blit(), Geometry(), ColorMatrix()) if transforms is None else tuple(transforms)


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ConfigError("p", p, "is a probability, from 0 to 1")
