"""Least squares GAN."""

from typing import Any

from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import least_squares_discriminator_loss, least_squares_generator_loss


class LSGAN(GAN):
    """Least squares GAN: D regresses targets, so that samples on the right side but far from the data still learn.

        L_D = 1/2 E_x[(D(x) - b)^2] + 1/2 E_z[(D(G(z)) - a)^2]
        L_G = 1/2 E_z[(D(G(z)) - c)^2]

    Mao et al. 2017, arXiv:1611.04076, eq. 2. With b - c = 1 and b - a = 2 the game minimizes the Pearson chi^2
    divergence between p + q and 2 q (section 3.2), as a = -1, b = 1, c = 0 do; the default is the 0-1 coding that the
    paper recommends beside it (section 3.3).

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: From what it judges to values (N, ...), unbounded.
        fake_target: a, what D says of generated samples.
        real_target: b, what D says of real samples.
        generator_target: c, what G wants D to say of its samples.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: D's two targets are the same.
    """

    log_odds = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        fake_target: float = 0.0,
        real_target: float = 1.0,
        generator_target: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if fake_target == real_target:
            raise ConfigError("fake_target", fake_target, "must differ from real_target, or there is nothing to learn")
        self.fake_target, self.real_target, self.generator_target = fake_target, real_target, generator_target

    def discriminator_loss(self, batch: Any) -> Tensor:
        """1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2]."""
        real_logits, fake_logits = self.judge_both(self.real(batch), self.fake(batch))
        return least_squares_discriminator_loss(real_logits, fake_logits, self.fake_target, self.real_target)

    def generator_loss(self, batch: Any) -> Tensor:
        """1/2 E[(D(G(z)) - c)^2]."""
        return least_squares_generator_loss(self.judge_fake(self.fake(batch)), self.generator_target)
