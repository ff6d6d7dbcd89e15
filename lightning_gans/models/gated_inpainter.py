"""Inpainting of holes of any shape."""

from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.engine import Inpainter, Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial
from lightning_gans.objectives import Hinge, Objective


class GatedInpainter(Adversarial, Inpainter):
    """Free-form inpainting: a gated generator G, and a discriminator D of patches that is shown where the hole is.

        L_D = E[max(0, 1 - D(x, m))] + E[max(0, 1 + D(z, m))]
        L_G = mu |x - G(c, m)|_1 - lambda E[D(z, m)]

    with z = (1 - m) x + m G(c, m), the image completed. Yu et al. 2019, arXiv:1806.03589, eq. 3 and section 3.2, mu =
    lambda = 1: L1 over the whole image, and the hinge of what D says of each place and channel of its map. Of the
    paper's two networks there is the first, without contextual attention, so that one step is one pass.

    Logged: ``reconstruction/l1``, per value in units of [-1, 1].

    Args:
        args: Generator, from sources with gray holes and masks to images: ``GatedGenerator``, or any translator;
            discriminator, from images and masks (N, 1, H, W) to logits: ``SpectralPatchDiscriminator``.
        l1_weight: mu.
        adversarial_weight: lambda.
        objective: What logits are for; ``Hinge`` when None.
        kwargs: As of ``Adversarial`` and ``Inpainter``.

    Raises:
        ConfigError: A weight is negative.
    """

    # Authors' code: Adam with rate 1e-4 and beta_1 = 0.5 for both.
    defaults = replace(Adversarial.defaults, ema_decay=0.0, generator=adam(1e-4), discriminator=adam(1e-4))

    def __init__(
        self,
        *args: Any,
        l1_weight: float = 1.0,
        adversarial_weight: float = 1.0,
        objective: Objective | None = None,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, objective=objective or Hinge(), optimization=optimization, **kwargs)
        for name, value in (("l1_weight", l1_weight), ("adversarial_weight", adversarial_weight)):
            if value < 0:
                raise ConfigError(name, value, "must be 0 or more")
        self.l1_weight, self.adversarial_weight = l1_weight, adversarial_weight

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is shown masks."""
        told = super().network_kwargs(role, data, settings)
        if role == "discriminator" and (shape := data["image_shape"]) is not None:
            told["source_shape"] = (1, *shape[1:])
        return told

    def real(self, batch: Batch) -> Sample:
        """X and m."""
        return Sample(batch.images, Condition(mask=batch.condition.mask))

    def fake(self, batch: Batch) -> Sample:
        """Z and m."""
        return self._shown(self.generator(*batch.condition.tensors()), batch)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Mu |x - G(c, m)|_1 - lambda E[D(z, m)]."""
        made: Tensor = self.generator(*batch.condition.tensors())
        real = self.real(batch) if self.critic.needs_real else None
        adversarial = self.critic.generator_loss(self._shown(made, batch), real)
        l1 = F.l1_loss(made.float(), batch.image.float())
        self.log_value("reconstruction/l1", l1)
        return self.l1_weight * l1 + self.adversarial_weight * adversarial

    def _shown(self, made: Tensor, batch: Batch) -> Sample:
        completed = self.finished(made, batch.condition)
        return Sample(completed, Condition(mask=batch.condition.mask), generated=True)
