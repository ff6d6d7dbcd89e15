"""Progressive growing of GANs."""

import math
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.wgan_gp import WGANGP
from lightning_gans.networks.progressive import GrowingGenerator, GrowingNetwork


class ProgressiveGAN(WGANGP):
    """Progressive GAN: both networks grow while they are trained, from 4 x 4 pixels to all of them.

    Karras et al. 2018, arXiv:1710.10196. Each resolution is trained on ``stable_images`` real images, and the next one
    is faded in over ``fade_images``, real images in the same way. Adam's moments start again with each resolution, as
    in the authors' code. The losses are those of ``WGANGP`` with a drift term. Images that are generated with less than
    all levels are enlarged, so that they have one size in the whole run.

    Args:
        args: A ``GrowingGenerator`` such as ``ProgressiveGenerator``, and a ``GrowingNetwork`` such as
            ``ProgressiveDiscriminator``.
        stable_images: For how many images a resolution is trained before the next one; 800,000 in the paper.
        fade_images: Over how many images the next one is faded in; 800,000 in the paper.
        start_size: Side of the first images; 4 in the paper.
        drift_weight: Of E[D(x)^2], which keeps logits near 0; 0.001 in the paper.
        optimization: How both learn.

    Raises:
        ConfigError: A setting is out of its range, or a network does not grow.
    """

    generator: GrowingGenerator
    discriminator: GrowingNetwork
    defaults = replace(
        WGANGP.defaults, generator=adam(1e-3, 0.0, 0.99), discriminator=adam(1e-3, 0.0, 0.99), n_critic=1
    )

    def __init__(
        self,
        *args: Any,
        stable_images: int = 800_000,
        fade_images: int = 800_000,
        start_size: int = 4,
        drift_weight: float = 0.001,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, drift_weight=drift_weight, optimization=optimization, **kwargs)
        for role, kind in (("generator", GrowingGenerator), ("discriminator", GrowingNetwork)):
            network = getattr(self, role)
            if not isinstance(network, kind):
                hint = f"does not grow: take a {kind.__name__}, such as Progressive{role.capitalize()}"
                raise ConfigError(role, type(network).__name__, hint)
        if stable_images < 1:
            raise ConfigError("stable_images", stable_images, "must be 1 or more")
        if fade_images < 0:
            raise ConfigError("fade_images", fade_images, "must be 0 or more")
        sides = [4 << level for level in range(self.generator.last_level + 1)]
        if start_size not in sides:
            raise ConfigError("start_size", start_size, f"must be one of {', '.join(map(str, sides))}")
        self.stable_images, self.fade_images = stable_images, fade_images
        self.start_level = sides.index(start_size)

    def check_critic(self) -> None:
        """The paper's compares the samples of a batch, and is penalized all the same."""

    @property
    def level(self) -> float:
        """The level of the networks, a whole number where nothing is faded in."""
        past = self.images_shown - self.stable_images
        if past < 0:
            return self.start_level
        whole, rest = divmod(past, self.fade_images + self.stable_images)
        faded = min(1.0, rest / self.fade_images) if self.fade_images else 1
        return min(self.start_level + whole + faded, self.generator.last_level)

    # What growing changes.

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """A step at the present level; before the first one of a new resolution, Adam's moments start again."""
        self._grow()
        super().training_step(batch, batch_idx)
        if math.ceil(self.level) > self.generator.stage:
            for player in ("discriminator", "generator"):
                self.optimizer_of(player).state.clear()

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """As of ``WGANGP``."""
        self.log_value("level", self.level)
        return super().discriminator_loss(batch) + self.discriminator.unused()

    def generator_loss(self, batch: Batch) -> Tensor:
        """As of ``WGANGP``."""
        return super().generator_loss(batch) + self.generator.unused()

    def real(self, batch: Batch) -> Sample:
        """Real images as they are at this level."""
        return Sample(self.generator.shown(batch.image), batch.condition)

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """Generated images of this level."""
        z = self.latent(batch) if z is None else z
        images = self.generator.images(z, *batch.condition.tensors())
        return Sample(images, batch.condition, generated=True)

    def inference_network(self, name: str, *, ema: bool, truncation: float | None = None) -> nn.Module:
        """As of ``LatentModel``, grown to what has been trained; so is the discriminator, which may score it."""
        self._grow()
        network = super().inference_network(name, ema=ema, truncation=truncation)
        assert isinstance(network, GrowingNetwork)
        network.grow(self.level)
        return network

    def _grow(self) -> None:
        """Let both networks be at the present level."""
        for network in (self.generator, self.discriminator):
            network.grow(self.level)
