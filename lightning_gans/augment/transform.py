"""What a change of images is: a function of the images and of a few random numbers."""

from abc import ABC, abstractmethod

from torch import Tensor


class Transform(ABC):
    """A change of images that a few uniform random numbers an image select."""

    num_uniforms: int
    """How many of them."""

    @abstractmethod
    def __call__(self, images: Tensor, uniform: Tensor) -> Tensor:
        """Change images.

        Args:
            images: (N, C, H, W).
            uniform: (N, num_uniforms) in [0, 1).
        """
