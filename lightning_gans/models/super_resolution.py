"""What SRGAN and ESRGAN share: a phase in which content alone counts, and the game that goes on from its weights."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Optimization, Player, Translator, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial

CONTENT, GAME = "content", "game"


@dataclass(frozen=True)
class SuperResolutionOptimization(Optimization):
    """How a generator learns in the phase of content, and both players in the game.

    Args:
        content: The generator's optimizer in the phase of content.
        content_scheduler: Its learning rate scheduler there, stepped once per update.
        content_clip: Largest norm of its gradient there, None for no clipping.
    """

    content: OptimizerCallable | None = None
    content_scheduler: LRSchedulerCallable | None = None
    content_clip: float | None = None


class SuperResolution(Adversarial, Translator):
    """A generator that makes large images of small ones: by their content first, then in a game.

    The discriminator sees large images alone, not what they are made of.

    Args:
        args: Generator, from small images (N, C, h, w) in [-1, 1] to large ones (N, C', H, W); discriminator, from
            large ones to logits (N, ...).
        features: From images (N, C', H, W) in [-1, 1] to a list of maps, in which contents are compared in the game,
            and which nothing trains: ``CIFAR10Maps``, ``VGG19Maps``. None for the images themselves.
        content_share: Share of the run that the phase of content lasts, 0 to 1; 1 for no game.
        feature_weight: Of the distance in the features.
        pixel_weight: Of the distance in pixels, in the game.
        adversarial_weight: Of what the discriminator says.
        kwargs: As of ``Adversarial`` and ``Translator``.

    Raises:
        ConfigError: The share is none, or a weight is negative.
    """

    training_only = ("features",)
    # SRGAN, section 3.2: Adam with rate 1e-4 and beta_1 = 0.9 in both phases.
    defaults = SuperResolutionOptimization(
        ema_decay=0.0,
        micro_batches=1,
        compile=False,
        decay_begin=1.0,
        ema_half_life=0.0,
        ema_ramp=0.0,
        content=adam(1e-4, 0.9),
        generator=adam(1e-4, 0.9),
        discriminator=adam(1e-4, 0.9),
        n_critic=1,
        n_generator=1,
    )

    def __init__(
        self,
        *args: Any,
        features: nn.Module | None = None,
        content_share: float = 0.5,
        feature_weight: float = 1.0,
        pixel_weight: float = 0.0,
        adversarial_weight: float = 1e-3,
        optimization: SuperResolutionOptimization = defaults,
        **kwargs: Any,
    ) -> None:
        if not 0 <= content_share <= 1:
            raise ConfigError("content_share", content_share, "must be a share of the run, 0 to 1")
        shares = {CONTENT: content_share, GAME: 1 - content_share}
        phases = [{"name": name, "share": share} for name, share in shares.items() if share > 0]
        super().__init__(*args, optimization=optimization, phases=phases, **kwargs)
        weights = {"feature_weight": feature_weight, "pixel_weight": pixel_weight}
        for name, value in (weights | {"adversarial_weight": adversarial_weight}).items():
            if value < 0:
                raise ConfigError(name, value, "must be 0 or more")
        self.features = features
        self._content_share = content_share
        self.feature_weight, self.pixel_weight = feature_weight, pixel_weight
        self.adversarial_weight = adversarial_weight

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is not shown the source."""
        told = super().network_kwargs(role, data, settings)
        return told if role == "generator" else {"image_shape": data["image_shape"]}

    def players(self) -> list[Player]:
        """The generator alone, then the discriminator and the generator."""
        content = self.optimization.player(CONTENT, self.content_loss, [self.generator], phase=CONTENT)
        game = [replace(player, phase=GAME) for player in super().players()]
        played = {phase.name for phase in self.phases}
        return [player for player in (content, *game) if player.phase in played]

    def real(self, batch: Batch) -> Sample:
        """The large images, without their sources."""
        return Sample(batch.image)

    def fake(self, batch: Batch) -> Sample:
        """G(y)."""
        return super().fake(batch)._replace(condition=Sample(batch.image).condition)

    def content_loss(self, batch: Batch) -> Tensor:
        """What the generator minimizes in the first phase: d(x, G(y)), of pixels."""
        loss = self.distance(self.fake(batch).image.float(), batch.images.float())
        self.log_value("reconstruction/pixels", loss)
        return loss

    @staticmethod
    @abstractmethod
    def distance(fake: Tensor, real: Tensor) -> Tensor:
        """Between pixels and between maps: a mean over values, a scalar."""

    def generator_loss(self, batch: Batch) -> Tensor:
        """What the generator minimizes in the game: contents, and lambda times what D says of G(y)."""
        fake = self.fake(batch)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        return self.content(fake.image, batch.images) + self.adversarial_weight * adversarial

    def content(self, fake: Tensor, real: Tensor) -> Tensor:
        """The weighted distances in features and in pixels, a scalar."""
        made, wanted = fake.float(), real.float()
        pixels = self.distance(made, wanted)
        self.log_value("reconstruction/pixels", pixels)
        if self.features is None:
            return (self.feature_weight + self.pixel_weight) * pixels
        with torch.no_grad():
            maps: Sequence[Tensor] = self.features(wanted)
        pairs = zip(self.features(made), maps, strict=True)
        features = torch.stack([self.distance(each, other) for each, other in pairs]).mean()
        self.log_value("reconstruction/features", features)
        return self.feature_weight * features + self.pixel_weight * pixels
