"""Sentences as another encoder's embeddings, and the layers that make of these what images ask for."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_gans.text.encoder import TextEncoder

_LEAST = 1e-4  # standard deviation of a component, in parts of the first one's, below which it is rounding


class BackboneNetwork(nn.Module):
    """The principal components of a frozen encoder's embeddings, each with variance 1, then two layers.

    Embeddings of short captions are nearly alike, and what they differ in lies in few directions of unequal variance
    (Su et al. 2021, arXiv:2103.15316, whose whitening this is); what little a caption differs in for having another
    order of words is as large then as what it differs in for having other words.

    Args:
        backbone: The encoder, E numbers a sentence.
        out_features: Numbers made of a sentence.
        components: K, the number of principal components that are kept.
        width: Numbers between the layers.
    """

    mean: Tensor
    whiten: Tensor

    def __init__(self, backbone: TextEncoder, out_features: int, components: int, width: int = 256) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = nn.Sequential(
            nn.Linear(components, width), nn.BatchNorm1d(width), nn.SiLU(), nn.Linear(width, out_features)
        )
        self.register_buffer("mean", torch.zeros(backbone.text_dim))
        self.register_buffer("whiten", torch.zeros(backbone.text_dim, components))
        self._known: dict[str, Tensor] = {}

    def learn_components(self, captions: Sequence[str]) -> None:
        """Take mean and components from distinct captions, whose embeddings are known until ``forget``."""
        embedded = self.backbone.embed_all(captions)  # (N, E)
        mean = embedded.double().mean(0)
        variance, directions = torch.linalg.eigh((embedded.double() - mean).T.cov())  # rising
        std = variance.clamp_min(0).sqrt().flip(0)[: self.whiten.shape[1]]
        scale = torch.where(std > _LEAST * std[0], 1 / std.clamp_min(1e-12), 0)
        whiten = directions.flip(1)[:, : len(scale)] * scale
        self.mean.copy_(mean)
        self.whiten.zero_()[:, : len(scale)] = whiten
        self._known = dict(zip(captions, embedded.to(self.mean.device), strict=True))

    def forget(self) -> None:
        """Let go of the embeddings that are known."""
        self._known = {}

    def forward(self, captions: Sequence[str]) -> Tensor:
        """(N, out_features), each of length 1, of N sentences."""
        if self._known:
            return self.project(torch.stack([self._known[caption] for caption in captions]))
        return self.project(self.backbone(captions).to(self.mean.device))

    def project(self, embedded: Tensor) -> Tensor:
        """(N, out_features), each of length 1, of the backbone's embeddings (N, E)."""
        return nn.functional.normalize(self.layers((embedded - self.mean) @ self.whiten), dim=1)
