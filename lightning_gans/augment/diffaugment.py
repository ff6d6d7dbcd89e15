"""The discriminator sees augmented images only."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_gans.augment import Augmentation, Color, Cutout, Translation
from lightning_gans.engine import GAN, Trick
from lightning_gans.errors import ConfigError


class DiffAugment(Trick):
    """Real and generated images are changed at random before D sees them, in its losses and in the generator's.

        L_D = E[f(D(T(x)))] + E[g(D(T(G(z))))],    L_G = E[h(D(T(G(z))))]

    Zhao et al. 2020, arXiv:2006.10738, eqs. 4 and 5. D cannot learn few images by heart, and G does not learn to make
    augmented ones, since its gradient comes through T. Fits every objective on images, and no points. A gradient
    penalty is that of D after T, as a function of the image before.

    Args:
        augmentations: T, in this order; color, translation and cutout when None, as in the paper.
    """

    def __init__(self, augmentations: Sequence[Augmentation] | None = None) -> None:
        chosen = (Color(), Translation(), Cutout()) if augmentations is None else tuple(augmentations)
        self.augmentations = chosen

    def seen(self, game: GAN, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Augmented images; what is judged with them (labels, latents) stays as it is.

        Raises:
            ConfigError: They are no images.
        """
        images, *rest = inputs
        if images.ndim != 4:
            hint = f"changes images, and these are {images.ndim - 1}-D; leave it out"
            raise ConfigError("tricks", type(self).__name__, hint)
        changed = images
        for augmentation in self.augmentations:
            uniform = game.rand(torch.rand, len(images), augmentation.draws)
            changed = augmentation(changed, uniform)
        return changed.to(images.dtype), *rest
