"""PacGAN: the discriminator judges several samples at once."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.errors import ConfigError


class PacGAN(GAN):
    """GAN whose discriminator judges packs of m samples, all of them real or all generated, with one logit a pack.

        L_D = -E[log D(x_1, ..., x_m)] - E[log(1 - D(G(z_1), ..., G(z_m)))]
        L_G = -E[log D(G(z_1), ..., G(z_m))]

    Lin et al. 2018, arXiv:1712.04086, section 2. A generator that misses modes makes packs that are too much alike,
    and D sees that: packs of m drawn from two distributions are the further apart the more one of them has collapsed
    (section 3). A pack of 1 is ``GAN``. The samples of a pack are concatenated along channels, points along their
    coordinates; all else of D stays as it is. A batch of N samples makes N / m packs: sample i goes with i + N / m,
    i + 2 N / m, ..., drawn independently as its batch is.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W), or to points (N, d).
        discriminator: From packs (N / m, m C, H, W), or (N / m, m d), to logits; the command line tells it so.
        pack: m.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: ``pack`` is not positive; in training: a batch does not divide into packs.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, *, pack: int = 2, **kwargs: Any) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if pack < 1:
            raise ConfigError("pack", pack, "is the number of samples that are judged together, 1 or more")
        self.pack = pack

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator sees m times the channels."""
        found = super().facts(role, facts, settings)
        if role == "discriminator" and found["image_shape"] is not None:
            channels, *rest = found["image_shape"]
            found["image_shape"] = (max(settings["pack"], 1) * channels, *rest)  # the constructor refuses less than 1
        return found

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """Packs of real samples."""
        return self.packed(super().real(batch))

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """Packs of generated samples."""
        return self.packed(super().fake(batch, z))

    def packed(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Samples (N, C, ...) as packs (N / m, m C, ...)."""
        if len(inputs[0]) % self.pack:
            size = f"a batch of {len(inputs[0])} (with accumulate: each chunk)"
            hint = f"{size} does not divide into packs; take a divisor of it"
            raise ConfigError("pack", self.pack, hint)
        return tuple(torch.cat(samples.chunk(self.pack), dim=1) for samples in inputs)

    def shown(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Packs, after tricks have changed each sample by itself."""
        samples = tuple(torch.cat(packs.chunk(self.pack, dim=1)) for packs in inputs)
        return self.packed(super().shown(samples))
