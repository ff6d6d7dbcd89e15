"""Text to image: matching-aware discriminator and interpolated sentences."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.engine.text_model import next_other
from lightning_gans.models.text_to_image import MatchingAware


class GANCLS(MatchingAware):
    """GAN-INT-CLS: images from sentences, and a discriminator that knows sentences that do not match.

        L_D = -E[log D(x, t)] - 1/2 E[log(1 - D(G(z, t), t))] - 1/2 E[log(1 - D(x, t'))]
        L_G = -E[log D(G(z, t), t)],    t also (t_1 + t_2) / 2

    Reed et al. 2016, arXiv:1605.05396, algorithm 1 and eq. 5. t' is another image's sentence. The generator learns on
    the batch's sentences and on half as many that lie between two of them, which nobody has an image of, as in the
    authors' code, whose weight beta is 1/2 too.

    Args:
        generator: From latents (N, Z) and embeddings (N, E) to images (N, C, H, W) in [-1, 1].
        discriminator: From images and embeddings to logits of any shape (N, ...).
        interpolate: Whether there are interpolated sentences: GAN-INT-CLS with, GAN-CLS without.
        kwargs: As of ``MatchingAware``.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, interpolate: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        self.interpolate = interpolate

    def generator_loss(self, batch: Batch) -> Tensor:
        """L_G; a mean over the batch and the half as many that are interpolated."""
        (text,) = batch.condition.tensors()
        if self.interpolate:
            between = (text + next_other(text)) / 2
            text = torch.cat([text, between[: len(text) // 2]])
        z = torch.cat([self.latent(batch), self.rand(self.prior, len(text) - batch.size, self.latent_dim)])
        fake = Sample(self.generator(z, text), Condition(text=text), generated=True)
        return self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
