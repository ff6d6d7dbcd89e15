"""Inpainting from the context."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Inpainter, Optimization, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial

_BAND_WEIGHT = 10  # in the authors' code


class ContextEncoder(Adversarial, Inpainter):
    """Context encoder: a generator fills holes as they were, a discriminator asks that what fills them look real.

        L_D = -E[log D(x)] - E[log(1 - D(G(c)))]
        L_G = (1 - lambda) E[w |x - G(c)|^2] - lambda E[log D(G(c))]

    Pathak et al. 2016, arXiv:1604.07379, eq. 1 to 3, with the non-saturating loss: c is the image with its hole gray, w
    is 1 in the hole, 10 in a band around it, where what is made meets what is known, 0 beyond; the mean is over hole
    and band. D sees what comes out, in the middle of the image, and nothing of c: the authors found that it then learns
    more than seams. With their lambda = 1e-3 it has no say where images are small: see the page of this model.

    Logged: ``reconstruction/hole``, mean squared error in the hole in units of [-1, 1].

    Args:
        args: Generator, from sources with gray holes and masks to images: ``ContextGenerator``; discriminator, from the
            middle of images to logits: ``DCGANDiscriminator``.
        adversarial_weight: lambda.
        overlap: Pixels that the band is wide; 4 of 128 in the authors' code.
        window: Share of both sides, in the middle of the image, that the discriminator sees: 0.5 is the central hole of
            the paper, 1 the image, for holes anywhere.
        kwargs: As of ``Adversarial`` and ``Inpainter``.

    Raises:
        ConfigError: A setting is out of its range.
    """

    # Authors' code: Adam with beta_1 = 0.5 and rate 2e-4 for D, ten times that for G.
    defaults = replace(Adversarial.defaults, ema_decay=0.0, generator=adam(2e-3))

    def __init__(
        self,
        *args: Any,
        adversarial_weight: float = 1e-3,
        overlap: int = 4,
        window: float = 0.5,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, optimization=optimization, **kwargs)
        for name, value in (("adversarial_weight", adversarial_weight), ("window", window)):
            if not 0 <= value <= 1:
                raise ConfigError(name, value, "must be a share, 0 to 1")
        if overlap < 0:
            raise ConfigError("overlap", overlap, "must be 0 or more")
        self.adversarial_weight, self.band, self._window = adversarial_weight, overlap, window

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator sees the middle of images."""
        told = super().network_kwargs(role, data, settings)
        if role == "discriminator" and (shape := data["image_shape"]) is not None:
            told["image_shape"] = (shape[0], *_middle(shape[1:], settings.get("window", 0.5)))
        return told

    def real(self, batch: Batch) -> Sample:
        """The middle of x."""
        return Sample(self._windows(batch.images))

    def fake(self, batch: Batch) -> Sample:
        """The middle of x with G(c) in the hole."""
        return Sample(self._windows(self.completed(batch)[1]), generated=True)

    def completed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """G(c), and c with G(c) in the hole."""
        made: Tensor = self.generator(*batch.condition.tensors())
        return made, self.finished(made, batch.condition)

    def generator_loss(self, batch: Batch) -> Tensor:
        """(1 - lambda) E[w |x - G(c)|^2] - lambda E[log D(G(c))]."""
        made, completed = self.completed(batch)
        fake = Sample(self._windows(completed), generated=True)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        mask = batch.condition.mask
        assert mask is not None
        near = F.max_pool2d(mask, 2 * self.band + 1, stride=1, padding=self.band)  # hole and band
        squared = (made.float() - batch.image.float()).square().mean(1, keepdim=True)
        self.log_value("reconstruction/hole", (mask * squared).sum() / mask.sum().clamp(min=1))
        weight = _BAND_WEIGHT * near - (_BAND_WEIGHT - 1) * mask
        of_each = (weight * squared).sum((1, 2, 3)) / near.sum((1, 2, 3)).clamp(min=1)  # 0 without a hole
        return (1 - self.adversarial_weight) * of_each.mean() + self.adversarial_weight * adversarial

    def _windows(self, images: Tensor) -> Tensor:
        """The middle, where ``CenterMask`` has it: ``center_crop`` may be a pixel off."""
        height, width = images.shape[2:]
        rows, columns = _middle(images.shape[2:], self._window)
        top, left = (height - rows) // 2, (width - columns) // 2
        return images[:, :, top : top + rows, left : left + columns]


def _middle(size: tuple[int, ...] | torch.Size, share: float) -> tuple[int, ...]:
    """Height and width of the middle of images of a size."""
    return tuple(max(1, round(share * side)) for side in size)
