"""FastGAN: a light game for few images, whose discriminator describes what it sees."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.batch import Batch, Scored
from lightning_gans.engine import Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.networks.fastgan import SelfSupervised, quarters
from lightning_gans.objectives import Hinge


class FastGAN(GAN):
    """FastGAN: the hinge objective, and a discriminator that learns to decode its own maps of real images.

        L_D = E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] + weight (d(dec(f_whole), x) + d(dec'(f_part), x_part))
        L_G = -E[D(G(z))]

    Liu et al. 2021, arXiv:2101.04775, section 3.2, eqs. 2 to 4. f are two of D's maps, of which one is decoded to the
    whole image, made smaller, and a random quarter of the other to that quarter. A D that can do so has not learned a
    few images by heart; made for a hundred of them on one GPU. x is what D sees of it, after augmentation, which the
    paper always has (``DiffAugment`` of color and translation).

    Logged: ``reconstruction/whole`` and ``reconstruction/part``.

    Args:
        generator: Such as ``FastGANGenerator``.
        discriminator: ``SelfSupervised``, such as ``FastGANDiscriminator``.
        features: From images (N, C, H, W) in [-1, 1] to a list of maps whose mean absolute differences are d, such as
            ``CIFAR10Maps``; None for the pixels'. The paper's are those of LPIPS, of a VGG16.
        reconstruction_weight: Of both reconstructions.
        optimization: How both learn.

    Raises:
        ConfigError: The weight is negative, or the discriminator decodes nothing.
    """

    training_only = ("features",)
    defaults = replace(GAN.defaults, generator=adam(2e-4, 0.5), discriminator=adam(2e-4, 0.5))

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        features: nn.Module | None = None,
        reconstruction_weight: float = 1.0,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective=Hinge(), optimization=optimization, **kwargs)
        if not isinstance(discriminator, SelfSupervised):
            hint = "decodes none of its maps; FastGANDiscriminator does"
            raise ConfigError("discriminator", type(discriminator).__name__, hint)
        if reconstruction_weight < 0:
            raise ConfigError("reconstruction_weight", reconstruction_weight, "must be 0 or more")
        self.features, self.reconstruction_weight = features, reconstruction_weight

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """The hinge objective, and what is lost where real images are decoded."""
        real, fake = self.critic.score(self.real(batch)), self.critic.score(self.fake(batch))
        return self.critic.discriminator_loss(real, fake) + self.reconstruction_weight * self.reconstruction(real)

    def reconstruction(self, real: Scored) -> Tensor:
        """The distances of decoded maps to the whole images and to a random quarter of each, a scalar."""
        discriminator, (part_maps, whole_maps) = self.discriminator, real.rest
        assert isinstance(discriminator, SelfSupervised)
        assert real.seen is not None
        row, column = (2 * self.rand(torch.rand, len(whole_maps), 2)).long().clamp(max=1).unbind(1)
        part, whole = discriminator.decode(quarters(part_maps, row, column), whole_maps)
        image = real.seen.image.detach()
        distances = {"whole": self.distance(whole, image), "part": self.distance(part, quarters(image, row, column))}
        for name, distance in distances.items():
            self.log_value(f"reconstruction/{name}", distance)
        return distances["whole"] + distances["part"]

    def distance(self, made: Tensor, image: Tensor) -> Tensor:
        """D of small images and of images, which are made as small by means over areas; a scalar."""
        made, wanted = made.float(), F.adaptive_avg_pool2d(image.float(), (made.shape[2], made.shape[3]))
        if self.features is None:
            return F.l1_loss(made, wanted)
        with torch.no_grad():
            maps: Sequence[Tensor] = self.features(wanted)
        return torch.stack([F.l1_loss(*pair) for pair in zip(self.features(made), maps, strict=True)]).mean()
