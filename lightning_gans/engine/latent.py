"""What samples: a generator that turns latents into images, whoever taught it."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import images_of
from lightning_gans.engine.ema import calibrate, evaluating, has_batch_statistics
from lightning_gans.engine.game import Game
from lightning_gans.engine.randomness import Normal, Prior, indexed_draw, mix
from lightning_gans.errors import ConfigError

_CALIBRATION_BATCHES, _CALIBRATION_SIZE, _CALIBRATION_SEED = 20, 64, 0x5EED
_SAMPLING_SIZE = 256  # images generated at a time: bounds the memory of sample()


class LatentModel(Game):
    """A game one of whose networks turns latents into samples: what ``GAN`` and ``VAE`` have in common.

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        latent_dim: Z; taken from ``generator.latent_dim`` when None.
        prior: Distribution of the latents; standard normal when None.
        kwargs: As of ``Game``.

    Raises:
        ConfigError: No latent size is given, or a setting is out of its range.
    """

    def __init__(
        self, generator: nn.Module, *, latent_dim: int | None = None, prior: Prior | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.generator = generator
        self.latent_dim = _latent_dim(latent_dim, generator)
        self.prior = prior if prior is not None else Normal()

    # The seams that variants override.

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """What the command line tells the network in an argument, where its own arguments leave it unset.

        Args:
            role: The argument: ``generator``, ``discriminator``, ...
            facts: ``image_shape``, ``num_classes`` and ``latent_dim``, where they are known; None where not.
            settings: The arguments of the model.

        Returns:
            Values for arguments of the network, by name; those that it does not have are not told.
        """
        return facts

    def images(self, batch: Any) -> Tensor:
        """The images of a batch, as networks take them.

        Raises:
            ConfigError: They are no floats.
        """
        images = images_of(batch)
        if not images.is_floating_point():
            raise ConfigError("batch", str(images.dtype), "networks take floats in [-1, 1]; see images.from_uint8")
        return images

    def latent(self, batch: Any) -> Tensor:
        """Latents for a batch, (N, Z)."""
        return self.rand(self.prior, len(images_of(batch)), self.latent_dim).type(self.dtype)

    def averaged(self) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": self.generator}

    def conditions(self, labels: Tensor | None) -> tuple[Tensor, ...]:
        """What networks take besides images or latents: nothing, or (labels,) in a conditional model."""
        return ()

    def panels(self, real: Tensor | None, labels: Tensor | None = None, seed: int = 0) -> dict[str, Tensor]:
        """Further pictures that show what this model can do, by name; drawn beside the grid of samples.

        Args:
            real: Real images (N, C, H, W) on the CPU, where there are any.
            labels: Their labels (N,), where there are any.
            seed: Selects the latents.

        Returns:
            Rows and columns of images in [-1, 1], (R, K, C, H, W).
        """
        return {}

    # What comes out.

    def forward(self, *inputs: Tensor, ema: bool = True) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from what the generator takes: averaged weights or raw ones, eval mode."""
        generator = self.network("generator", ema=ema)
        with evaluating(generator):
            images: Tensor = generator(*inputs)
        return images

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        seed: int = 0,
        truncation: float | None = None,
        ema: bool = True,
        start: int = 0,
    ) -> Tensor:
        """Generate samples; sample i depends on (seed, i) alone, not on n, on batches or on the device's generator.

        Args:
            n: How many.
            labels: Classes (n,) for a conditional model; None for classes drawn at random.
            seed: Selects the latents.
            truncation: Bound on the latents; None for the whole prior.
            ema: Averaged weights (with batch norm re-estimated under them), or the raw ones.
            start: Index of the first sample.

        Returns:
            Images (n, C, H, W) in [-1, 1], or points (n, d), float32, on the model's device.

        Raises:
            ConfigError: Labels for a model without classes, or not one per sample; truncation out of range.
        """
        if n < 1:
            raise ConfigError("n", n, "must be 1 or more")
        if labels is not None and len(labels) != n:
            raise ConfigError("labels", f"{len(labels)} labels", f"one per sample is needed: {n}")
        generator = self.network("generator", ema=ema)
        prior = self.prior if truncation is None else self.prior.truncate(truncation)
        parts = []
        with evaluating(generator):
            for first in range(start, start + n, _SAMPLING_SIZE):
                last = min(first + _SAMPLING_SIZE, start + n)
                chosen = None if labels is None else labels[first - start : last - start]
                parts.append(generator(*self.sampling_inputs(first, last, seed, prior, chosen)).float())
        return torch.cat(parts)

    def sampling_inputs(
        self, first: int, last: int, seed: int, prior: Prior, labels: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """What the generator takes for samples ``first`` to ``last``: (latents,)."""
        if labels is not None:
            raise ConfigError(
                "labels", f"{len(labels)} labels", f"{type(self).__name__} is not conditional; drop them"
            )
        z = indexed_draw(prior, mix(seed, 0), first, last, self.latent_dim)
        return (z.to(self.device).type(self.dtype),)

    def network(self, name: str, *, ema: bool) -> nn.Module:
        """A network to generate with: the averaged one, or the raw one where it is asked for or there is no other.

        Batch norm's statistics of an averaged generator are estimated under its weights.
        """
        if not ema or self.ema is None:
            network: nn.Module = getattr(self, name)
            return network
        if not self.ema.calibrated:
            average = self.ema["generator"]
            if has_batch_statistics(average):
                calibrate(average, lambda i: average(*self._calibration_inputs(i)), range(_CALIBRATION_BATCHES))
            self.ema.calibrated = True
        return self.ema[name]

    def _calibration_inputs(self, index: int) -> tuple[Tensor, ...]:
        first = index * _CALIBRATION_SIZE
        return self.sampling_inputs(first, first + _CALIBRATION_SIZE, _CALIBRATION_SEED, self.prior)


def _latent_dim(given: int | None, generator: nn.Module) -> int:
    """The size of the latents: as given, or as the generator says; both must agree."""
    own: int | None = getattr(generator, "latent_dim", None)
    size = own if given is None else given
    if size is None:
        raise ConfigError("latent_dim", None, "give it, or give the generator an attribute latent_dim")
    if own is not None and size != own:
        raise ConfigError("latent_dim", size, f"the generator takes latents of size {own}")
    if size < 1:
        raise ConfigError("latent_dim", size, "must be positive")
    return size
