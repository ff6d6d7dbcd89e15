"""PacGAN: the discriminator scores several samples at once."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import Objective
from lightning_gans.schedule import Clock


class PacGAN(GAN):
    """GAN whose discriminator scores packs of m samples, all of them real or all generated, with one logit a pack.

        L_D = -E[log D(x_1, ..., x_m)] - E[log(1 - D(G(z_1), ..., G(z_m)))]
        L_G = -E[log D(G(z_1), ..., G(z_m))]

    Lin et al. 2018, arXiv:1712.04086, section 2. A generator that misses modes makes packs that are too much alike,
    and D sees that: packs of m drawn from two distributions are the further apart the more one of them has collapsed
    (section 3). A pack of 1 is ``GAN``. The samples of a pack are concatenated along channels, points along their
    coordinates, and labels, where they are given, stand side by side, (N / m, m); all else of D stays as it is. A batch
    of N samples makes N / m packs: sample i goes with i + N / m, i + 2 N / m, ..., drawn independently as its batch is.
    The discriminator sees (N / m, m C, H, W), or (N / m, m d); the command line tells it so.

    Args:
        pack: m.

    Raises:
        ConfigError: ``pack`` is not positive; in training: a batch does not divide into packs.
    """

    def __init__(self, *args: Any, pack: int = 2, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if pack < 1:
            raise ConfigError("pack", pack, "is the number of samples that are scored together, 1 or more")
        self.pack = pack
        self.critic.augment = tuple(_EachOfPack(augment, pack) for augment in self.critic.augment)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator sees m times the channels, and m labels."""
        told = super().network_kwargs(role, data, settings)
        pack = max(settings["pack"], 1)  # the constructor refuses less than 1
        if role == "discriminator" and told["image_shape"] is not None:
            channels, *rest = told["image_shape"]
            told |= {"image_shape": (pack * channels, *rest), "labels_per_sample": pack}
        return told

    def real(self, batch: Batch) -> Sample:
        """Packs of real samples."""
        return self.packed(super().real(batch))

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """Packs of generated samples."""
        return self.packed(super().fake(batch, z))

    def packed(self, sample: Sample) -> Sample:
        """Samples (N, C, ...) as packs (N / m, m C, ...), their labels (N,) as (N / m, m)."""
        if sample.size % self.pack:
            hint = f"a batch of {sample.size} (with micro_batches: each of them) does not divide into packs"
            raise ConfigError("pack", self.pack, f"{hint}; take a divisor of it")
        packs = sample.map(lambda x: torch.cat(x.chunk(self.pack), dim=1))
        return packs._replace(condition=sample.condition.map(lambda c: torch.stack(c.chunk(self.pack), dim=1)))


class _EachOfPack(Augment, nn.Module):
    """Changes each sample of a pack by itself."""

    def __init__(self, augment: Augment, pack: int) -> None:
        super().__init__()
        self.augment, self.pack = augment, pack

    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        apart = torch.cat(samples.chunk(self.pack, dim=1))
        return torch.cat(self.augment(apart, rand, clock).chunk(self.pack), dim=1)

    def validate(self, objective: Objective | None) -> None:
        self.augment.validate(objective)

    def observe(self, real_logits: Tensor, clock: Clock) -> None:
        self.augment.observe(real_logits, clock)

    def logged(self, clock: Clock) -> Mapping[str, Tensor | float]:
        return self.augment.logged(clock)
