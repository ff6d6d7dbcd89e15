"""What is done to everything that a discriminator sees."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from lightning_gans.schedule import Clock


class Augment(ABC):
    """A change of real and generated samples on their way into the discriminator, in every loss; differentiable."""

    @abstractmethod
    def __call__(self, samples: Tensor, rand: Callable[..., Tensor], clock: Clock) -> Tensor:
        """Change samples.

        Args:
            samples: Images (N, C, H, W), or points (N, d).
            rand: ``rand(distribution, n, *shape)``, the step's random numbers: the same on any number of processes.
            clock: Where the run is.
        """

    def logged(self, clock: Clock) -> dict[str, float]:
        """What to log of it, by name."""
        return {}
