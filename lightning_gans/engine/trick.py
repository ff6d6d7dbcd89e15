"""What may be done to any game of generator and discriminator, as an object passed in."""

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from lightning_gans.models.gan import GAN


class Trick:
    """A change of a GAN's game that its paper does not depend on; what it does not override stays as it is.

    Randomness comes from ``game.rand`` alone, and time from ``game.step``: then tricks resume bit for bit and do the
    same on any number of processes.
    """

    def check(self, game: "GAN") -> None:
        """Refuse a game that the trick does not fit; called once, when the model is built.

        Raises:
            ConfigError: It does not fit.
        """

    def seen(self, game: "GAN", inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the discriminator is shown of what it judges: (images, ...), real or generated; differentiable."""
        return inputs

    def charge(
        self,
        game: "GAN",
        real: tuple[Tensor, ...],
        fake: tuple[Tensor, ...],
        real_logits: Tensor,
        fake_logits: Tensor,
    ) -> Tensor | None:
        """A term to add to the discriminator's loss, a scalar; None for none."""
        return None

    def heard(self, game: "GAN", fake_logits: Tensor) -> Tensor:
        """The logits of generated samples that the generator's loss takes: all of them, or some."""
        return fake_logits
