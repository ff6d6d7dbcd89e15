"""What is done to everything that a discriminator sees."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from lightning_gans.augment.transform import Color, Cutout, RandomTranslation, Transform
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.schedule import Clock


class Augment(ABC):
    """A change of real and generated samples on their way into the discriminator, in every loss; differentiable."""

    needs_horizon: bool = False
    """Whether it goes by shares of the run."""

    @abstractmethod
    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Change images (N, C, H, W), or points (N, d).

        ``rand(distribution, n, *shape)`` are the step's random numbers: the same on any number of processes.
        """

    def require_images(self, samples: Tensor) -> None:
        """Refuse samples that are points.

        Raises:
            ConfigError: They are.
        """
        if samples.ndim != 4:
            hint = f"changes images, and these are {samples.ndim - 1}-D; leave it out"
            raise ConfigError("augment", type(self).__name__, hint)

    def validate(self, objective: Objective | None) -> None:  # noqa: B027 # most fit all
        """Refuse an objective that it does not fit, None for features without one; called when the model is built.

        Raises:
            ConfigError: It does not fit.
        """

    def observe(self, real_logits: Tensor, clock: Clock) -> None:  # noqa: B027 # most do not look
        """Look at what the discriminator says of real samples, (N, ...), after each loss of its own.

        One that keeps something of it is a module too: its buffers are then in the checkpoint.
        """

    def logged(self, clock: Clock) -> Mapping[str, Tensor | float]:
        """What to log of it, by name."""
        return {}


class DiffAugment(Augment):
    """Real and generated images are changed at random before D sees them, in its losses and in the generator's.

        L_D = E[f(D(T(x)))] + E[g(D(T(G(z))))],    L_G = E[h(D(T(G(z))))]

    Zhao et al. 2020, arXiv:2006.10738, eqs. 4 and 5. D cannot learn few images by heart, and G does not learn to make
    augmented ones, since its gradient comes through T. Fits every objective on images, and no points. A gradient
    penalty is that of D after T, as a function of the image before.

    Args:
        transforms: T, in this order; color, translation and cutout when None, as in the paper.

    Raises:
        ConfigError: In training: the samples are no images.
    """

    def __init__(self, transforms: Sequence[Transform] | None = None) -> None:
        self.transforms = (Color(), RandomTranslation(), Cutout()) if transforms is None else tuple(transforms)

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Augmented images."""
        self.require_images(samples)
        changed = samples
        for transform in self.transforms:
            changed = transform(changed, rand(torch.rand, len(samples), transform.num_uniforms))
        return changed.to(samples.dtype)


class InstanceNoise(Augment):
    """Gaussian noise on real and on generated samples, fading out: two distributions that do not overlap do then.

        D sees x + sigma e,  e ~ N(0, I),  sigma = std max(0, 1 - step / decay_steps)

    Sonderby et al. 2017, arXiv:1610.04490, section 3; Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 3.2. Fits
    every objective. A gradient penalty is taken at noisy samples, which are the data as D knows them.

    Args:
        std: Standard deviation of the noise in the first step; images lie in [-1, 1].
        decay_steps: Number of steps in which it falls to 0.

    Raises:
        ConfigError: A setting is out of its range.
    """

    def __init__(self, std: float = 0.1, decay_steps: int = 10_000) -> None:
        if std < 0:
            raise ConfigError("std", std, "must be 0 or more")
        if decay_steps < 1:
            raise ConfigError("decay_steps", decay_steps, "the noise falls to 0 in 1 step or more")
        self.std, self.decay_steps = std, decay_steps

    def std_at(self, step: int) -> float:
        """The noise's standard deviation in a step, counted from 0.

        Example:
            >>> [InstanceNoise(0.5, 4).std_at(step) for step in (0, 2, 4, 9)]
            [0.5, 0.25, 0.0, 0.0]
        """
        return self.std * max(0.0, 1 - step / self.decay_steps)

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Noisy samples."""
        std = self.std_at(clock.step)
        if not std:
            return samples
        noise = rand(torch.randn, len(samples), *samples.shape[1:])
        return samples + std * noise.to(samples.dtype)

    def logged(self, clock: Clock) -> dict[str, float]:
        """``instance_noise``, the standard deviation."""
        return {"instance_noise": self.std_at(clock.step)}
