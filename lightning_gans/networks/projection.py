"""The projection discriminator, around any discriminator that shows its features."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.shapes import check_positive, split_inputs
from lightning_gans.networks.spectral import SpectralNorm


@runtime_checkable
class ShowsFeatures(Protocol):
    """A discriminator that can be asked for the layer before its outputs; those of the package can."""

    feature_dim: int
    """Number of features D."""

    def features(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Features (N, D) of samples, and of what else it is shown."""

    def head(self, features: Tensor) -> Tensor:
        """Logits from features."""


class ProjectionDiscriminator(nn.Module):
    """Logits psi(phi(x)) + <V[y], phi(x)>: how real an image is, and how well its features fit its class.

    Miyato and Koyama 2018, arXiv:1802.05637, section 3: the form that log q(x, y) / p(x, y) takes where the
    class is log-linear in the features. V is an embedding, spectrally normalized as the paper's layers are.

    Args:
        body: A discriminator of images alone, with ``features``, ``feature_dim`` and ``head``: phi and psi.
        num_classes: Number of classes.

    Raises:
        ConfigError: The discriminator does not show its features.

    Example:
        >>> import torch
        >>> from lightning_gans.networks import MLPDiscriminator
        >>> discriminator = ProjectionDiscriminator(MLPDiscriminator((2,)), 3)
        >>> discriminator(torch.zeros(5, 2), torch.tensor([0, 1, 2, 0, 1])).shape
        torch.Size([5, 1])
    """

    def __init__(self, body: Any, num_classes: int) -> None:
        super().__init__()
        if not isinstance(body, ShowsFeatures):
            hint = "has no features; a projection needs features(x), their feature_dim, and head(features)"
            raise ConfigError("discriminator", type(body).__name__, hint)
        check_positive(num_classes=num_classes)
        self.body: Any = body
        self.num_classes = num_classes
        self.embedding = SpectralNorm(nn.Embedding(num_classes, body.feature_dim))

    def forward(self, images: Tensor, *rest: Tensor) -> Tensor:
        """Logits (N, 1) from images (N, C, H, W) and labels (N,)."""
        _, labels = split_inputs(rest, num_classes=self.num_classes)
        features = self.body.features(images)  # (N, D)
        logits: Tensor = self.body.head(features) + (self.embedding(labels) * features).sum(1, keepdim=True)
        return logits
