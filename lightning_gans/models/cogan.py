"""Coupled GAN."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.models.gan import GAN

_COLUMNS, _LATENTS = 8, 32


class CoGAN(GAN):
    """Coupled GAN: a GAN for each domain, with shared layers; one latent gives an image in each, which belong together.

        L_D = sum_i -E_{x_i}[log D_i(x_i)] - E_z[log(1 - D_i(G_i(z)))]
        L_G = sum_i -E_z[log D_i(G_i(z))]

    Liu and Tuzel 2016, arXiv:1606.07536, section 3. No pairs are shown in training: that the first layers of the
    generators (and the last of the discriminators) are the same makes them decode the same z to the same content. The
    domain is the label, so G(z, i) = G_i(z) and D(x, i) = D_i(x), ``CoupledGenerator`` and ``CoupledDiscriminator``,
    and the sum over domains is one over a batch of both.

    Args:
        given: The label, which is the domain.
    """

    def __init__(self, *args: Any, given: Sequence[str] = ("label",), **kwargs: Any) -> None:
        super().__init__(*args, given=given, **kwargs)

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """``pairs``: for each row of latents a row of each domain, one below the other."""
        domains = [
            self.sample(_LATENTS, labels=torch.full((_LATENTS,), domain), seed=seed)
            for domain in range(self.num_classes or 0)
        ]
        rows = torch.stack(domains).cpu().unflatten(1, (-1, _COLUMNS))  # (domains, R, K, C, H, W)
        return {"pairs": rows.transpose(0, 1).flatten(0, 1)}
