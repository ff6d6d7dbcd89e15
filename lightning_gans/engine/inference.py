"""What games with an encoder share: images have latents, and come back from them."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.engine.ema import evaluating
from lightning_gans.engine.latent import LatentModel
from lightning_gans.errors import ConfigError

_PANEL_COLUMNS = 8


class Inference(LatentModel):
    """An encoder beside the generator: ``encode`` images, ``reconstruct`` them. To be mixed in before ``GAN`` or alone.

    The encoder's output begins with the latent, or with the mean of its distribution: (N, Z) for one that is a
    function of the image, (N, 2 Z) for mean and logarithm of the variance.

    Args:
        generator: From latents to images.
        encoder: From images to (N, Z) or (N, 2 Z).
        args: Further networks, as of the class that it is mixed into.
        kwargs: As of the class that it is mixed into.
    """

    outputs_per_latent: ClassVar[int] = 1
    """How many numbers the encoder gives for each of the latent: 1, or 2 for mean and logarithm of the variance."""

    def __init__(self, generator: nn.Module, encoder: nn.Module, *args: Any, **kwargs: Any) -> None:
        super().__init__(generator, *args, **kwargs)
        self.encoder = encoder

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The encoder is told how many ``outputs`` it has."""
        found = super().facts(role, facts, settings)
        size = found["latent_dim"]
        return found | {"outputs": size and cls.outputs_per_latent * size} if role == "encoder" else found

    def averaged(self) -> dict[str, nn.Module]:
        """The generator and the encoder."""
        return super().averaged() | {"encoder": self.encoder}

    def infer(self, images: Tensor) -> Tensor:
        """E(x), or a draw from E(z | x): the latents of images in training, (N, Z).

        Raises:
            ConfigError: The encoder's output is no latent.
        """
        latents: Tensor = self.encoder(images)
        if latents.shape[1] != self.latent_dim:
            hint = f"give it {self.latent_dim}, one for each of the latent that the generator takes"
            raise ConfigError("encoder", f"{latents.shape[1]} outputs", hint)
        return latents

    def encode(self, images: Tensor, *rest: Tensor, ema: bool = True) -> Tensor:
        """Latents of images, or their means: (N, Z); averaged weights or raw ones, eval mode.

        Args:
            images: (N, C, H, W) in [-1, 1], or points (N, d).
            rest: What else the encoder takes (labels).
            ema: Averaged weights, or the raw ones.

        Raises:
            ConfigError: The encoder's output is narrower than a latent.
        """
        encoder = self.network("encoder", ema=ema)
        with evaluating(encoder):
            codes: Tensor = encoder(images, *rest)
        if codes.shape[1] not in (self.latent_dim, 2 * self.latent_dim):
            hint = f"the generator takes latents of size {self.latent_dim}; let it have one or two times as many"
            raise ConfigError("encoder", f"{codes.shape[1]} outputs", hint)
        return codes[:, : self.latent_dim]

    @torch.no_grad()
    def reconstruct(self, images: Tensor, labels: Tensor | None = None, *, ema: bool = True) -> Tensor:
        """G(E(x)): images as they come back from their latents, float32, of the shape of ``images``.

        Args:
            images: (N, C, H, W) in [-1, 1], or points (N, d).
            labels: (N,), for a conditional model.
            ema: Averaged weights, or the raw ones.
        """
        placed, conditions = images.to(self.device).type(self.dtype), self.conditions(labels)
        rebuilt: Tensor = self(self.encode(placed, *conditions, ema=ema), *conditions, ema=ema)
        return rebuilt.float()

    def panels(self, real: Tensor | None, labels: Tensor | None = None, seed: int = 0) -> dict[str, Tensor]:
        """``reconstructions``: real images in odd rows, what came back of them in even ones."""
        panels = super().panels(real, labels, seed)
        if real is None or len(real) < _PANEL_COLUMNS:
            return panels
        count = len(real) // _PANEL_COLUMNS * _PANEL_COLUMNS
        pair = (real[:count], self.reconstruct(real[:count], None if labels is None else labels[:count]).cpu())
        rows = torch.stack([part.unflatten(0, (-1, _PANEL_COLUMNS)) for part in pair], dim=1)  # (R, 2, K, C, H, W)
        return panels | {"reconstructions": rows.flatten(0, 1)}
