"""The projection discriminator, around any discriminator that shows its features."""

from typing import Any

from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.spectral import SpectralNorm


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
        >>> judge = ProjectionDiscriminator(MLPDiscriminator((2,)), 3)
        >>> judge(torch.zeros(5, 2), torch.tensor([0, 1, 2, 0, 1])).shape
        torch.Size([5, 1])
    """

    def __init__(self, body: Any, num_classes: int) -> None:
        super().__init__()
        if missing := [name for name in ("features", "feature_dim", "head") if not hasattr(body, name)]:
            hint = f"has no {missing[0]}; a projection needs features(x), their feature_dim, and head(features)"
            raise ConfigError("discriminator", type(body).__name__, hint)
        self.body = body
        self.embedding = SpectralNorm(nn.Embedding(num_classes, body.feature_dim))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, 1) from images (N, C, H, W) and labels (N,)."""
        features = self.body.features(images)  # (N, D)
        logits: Tensor = self.body.head(features) + (self.embedding(labels) * features).sum(1, keepdim=True)
        return logits
