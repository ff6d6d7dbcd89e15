"""The discriminator sees augmented images only."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lightning_gans.augment.augment import Augment
from lightning_gans.augment.transform import Transform
from lightning_gans.augment.transforms import Color, Cutout, RandomTranslation
from lightning_gans.errors import ConfigError
from lightning_gans.schedule import Clock


class DiffAugment(Augment):
    """Real and generated images are changed at random before D sees them, in its losses and in the generator's.

        L_D = E[f(D(T(x)))] + E[g(D(T(G(z))))],    L_G = E[h(D(T(G(z))))]

    Zhao et al. 2020, arXiv:2006.10738, eqs. 4 and 5. D cannot learn few images by heart, and G does not learn to make
    augmented ones, since its gradient comes through T. Fits every objective on images, and no points. A gradient
    penalty is that of D after T, as a function of the image before.

    Args:
        transforms: T, in this order; color, translation and cutout when None, as in the paper.
    """

    def __init__(self, transforms: Sequence[Transform] | None = None) -> None:
        chosen = (Color(), RandomTranslation(), Cutout()) if transforms is None else tuple(transforms)
        self.transforms = chosen

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Augmented images.

        Raises:
            ConfigError: They are no images.
        """
        if samples.ndim != 4:
            hint = f"changes images, and these are {samples.ndim - 1}-D; leave it out"
            raise ConfigError("augment", type(self).__name__, hint)
        changed = samples
        for transform in self.transforms:
            changed = transform(changed, rand(torch.rand, len(samples), transform.num_uniforms))
        return changed.to(samples.dtype)
