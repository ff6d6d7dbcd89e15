"""What models with an encoder share: images have latents, and come back from them."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine.ema import eval_mode
from lightning_gans.engine.latent import COLUMNS, LatentModel
from lightning_gans.engine.priors import Normal
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import active_units, gaussian_kl_per_latent, reparametrize


class WithEncoder(LatentModel):
    """An encoder beside the generator: ``encode`` images, ``reconstruct`` them. To be mixed in before ``GAN``.

    The encoder's output begins with the latent, or with the mean of its distribution: (N, Z) for one that is a
    function of the image, (N, 2 Z) for mean and logarithm of the variance.

    Args:
        generator: From latents to images.
        encoder: From images, and what is given, to (N, Z) or (N, 2 Z).
        args: Further networks, as of the class that it is mixed into.
    """

    encoder_outputs_per_dim: ClassVar[int] = 1
    """How many numbers the encoder gives for each of the latent: 1, or 2 for mean and logarithm of the variance."""

    def __init__(self, generator: nn.Module, encoder: nn.Module, *args: Any, **kwargs: Any) -> None:
        super().__init__(generator, *args, **kwargs)
        self.encoder = encoder

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The encoder is told how many ``out_features`` it has."""
        told = super().network_kwargs(role, data, settings)
        size = data["latent_dim"]
        return told | {"out_features": size and cls.encoder_outputs_per_dim * size} if role == "encoder" else told

    def ema_modules(self) -> dict[str, nn.Module]:
        """The generator and the encoder."""
        return super().ema_modules() | {"encoder": self.encoder}

    def encode_train(self, batch: Batch) -> Tensor:
        """E(x), or a draw from q(z | x): the latents of a batch's images as losses take them, (N, Z).

        Raises:
            ConfigError: The encoder's output is no latent.
        """
        latents: Tensor = self.encoder(batch.image, *batch.condition.tensors())
        if latents.shape[1] != self.latent_dim:
            raise self.no_latents(latents)
        return latents

    def no_latents(self, outputs: Tensor) -> ConfigError:
        """What to say of an encoder's outputs (N, K) that are of another size than latents."""
        hint = f"give it {self.latent_dim}, one for each of the latent that the generator takes"
        return ConfigError("encoder", f"{outputs.shape[1]} outputs", hint)

    def encode(self, images: Tensor, condition: Condition = Condition(), *, ema: bool = True) -> Tensor:
        """Latents (N, Z) of images (N, C, H, W) in [-1, 1] or points (N, d), or the means of their distributions.

        With averaged weights or raw ones, in eval mode.

        Raises:
            ConfigError: The encoder's output is narrower than a latent.
        """
        codes = self._encoded(images, condition, ema)
        if codes.shape[1] not in (self.latent_dim, 2 * self.latent_dim):
            hint = f"the generator takes latents of size {self.latent_dim}; let it have one or two times as many"
            raise ConfigError("encoder", f"{codes.shape[1]} outputs", hint)
        return codes[:, : self.latent_dim]

    def _encoded(self, images: Tensor, condition: Condition, ema: bool) -> Tensor:
        encoder = self.inference_network("encoder", ema=ema)
        with eval_mode(encoder):
            outputs: Tensor = encoder(images, *self._placed(condition, len(images)).tensors())
        return outputs

    @torch.no_grad()
    def reconstruct(self, images: Tensor, condition: Condition = Condition(), *, ema: bool = True) -> Tensor:
        """G(E(x)): images (N, C, H, W) in [-1, 1], or points (N, d), as they come back from their latents, float32."""
        placed, given = images.to(self.device).type(self.dtype), self._placed(condition, len(images))
        rebuilt: Tensor = self(self.encode(placed, given, ema=ema), *given.tensors(), ema=ema)
        return rebuilt.float()

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """``reconstructions``: real images in odd rows, what came back of them in even ones."""
        pictures = super().visuals(batch, seed)
        if batch is None or batch.image is None or batch.size < COLUMNS:
            return pictures
        count = batch.size // COLUMNS * COLUMNS
        real, given = batch.image[:count], batch.condition.map(lambda t: t[:count])
        pair = (real, self.reconstruct(real, given).cpu())
        rows = torch.stack([part.unflatten(0, (-1, COLUMNS)) for part in pair], dim=1)  # (R, 2, K, C, H, W)
        return pictures | {"reconstructions": rows.flatten(0, 1)}


class WithGaussianEncoder(WithEncoder):
    """An encoder that gives a normal distribution over latents, q(z | x) = N(mean, diag(variance)).

    To be mixed in before ``GAN``, or alone. The encoder gives (N, 2 Z): means and logarithms of the variances.

    Raises:
        ConfigError: The prior is not standard normal.
    """

    encoder_outputs_per_dim: ClassVar[int] = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.prior, Normal) or self.prior.bound is not None:
            hint = f"{type(self).__name__} measures how far its codes are from a standard normal prior; leave it out"
            raise ConfigError("prior", type(self.prior).__name__, hint)

    def posterior(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances of q(z | x), each (N, Z), in float32 or more.

        Raises:
            ConfigError: The encoder has not two outputs for each of the latent.
        """
        return self._split(self.encoder(batch.image, *batch.condition.tensors()))

    def encode_distribution(
        self, images: Tensor, condition: Condition = Condition(), *, ema: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances as of ``posterior``; of images and by weights as of ``encode``."""
        return self._split(self._encoded(images, condition, ema))

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        if outputs.shape[1] != 2 * self.latent_dim:
            hint = f"give it {2 * self.latent_dim}: mean and log variance of each of {self.latent_dim} latents"
            raise ConfigError("encoder", f"{outputs.shape[1]} outputs", hint)
        mean, log_variance = (outputs if outputs.dtype == torch.float64 else outputs.float()).chunk(2, dim=1)
        return mean, log_variance

    def log_latents(self, mean: Tensor, log_variance: Tensor) -> None:
        """Log the KL term of each latent as ``kl/<number>``, and how many say something as ``active_units``.

        Both of a batch.
        """
        if self.logging_due:
            for number, value in enumerate(gaussian_kl_per_latent(mean, log_variance).mean(0)):
                self.log_value(f"kl/{number}", value)
            self.log_value("active_units", active_units(mean).sum())

    def encode_train(self, batch: Batch) -> Tensor:
        """A draw from q(z | x), (N, Z)."""
        return self.reparameterize(*self.posterior(batch))

    def reparameterize(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """One z from each q(z | x), (N, Z): mean + standard deviation * noise."""
        noise = self.rand(torch.randn, len(mean), self.latent_dim).type(mean.dtype)
        return reparametrize(mean, log_variance, noise).type(self.dtype)
