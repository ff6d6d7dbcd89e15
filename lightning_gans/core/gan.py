"""The original game of two, and its conditional form."""

from typing import Any

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.batch import images_of, labels_of
from lightning_gans.core.averaging import calibrate, evaluating, has_batch_statistics
from lightning_gans.core.game import Game
from lightning_gans.core.player import Player
from lightning_gans.core.randomness import Normal, Prior, indexed_draw, mix
from lightning_gans.errors import SettingError
from lightning_gans.losses import minimax_discriminator_loss, non_saturating_generator_loss

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999]}}
"""Adam as in DCGAN (Radford et al. 2016, arXiv:1511.06434, section 4), the usual choice for GANs since."""

_CALIBRATION_BATCHES, _CALIBRATION_SIZE, _CALIBRATION_SEED = 20, 64, 0x5EED
_SAMPLING_SIZE = 256  # images generated at a time: bounds the memory of sample()


class GAN(Game):
    """Generative adversarial network with the non-saturating generator loss.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
        L_G = -E_z[log D(G(z))]

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1 and section 3. With logits l, -log D = softplus(-l) and
    -log(1 - D) = softplus(l).

    Args:
        generator: From latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        discriminator: From what it judges to logits of any shape (N, ...).
        latent_dim: Z; taken from ``generator.latent_dim`` when None.
        prior: Distribution of the latents; standard normal when None.
        n_critic: The discriminator moves in every round, the generator in every n-th.
        generator_optimizer: The generator's optimizer.
        discriminator_optimizer: The discriminator's optimizer.
        generator_scheduler: The generator's learning rate scheduler, stepped once per own move.
        discriminator_scheduler: The discriminator's.
        generator_clip: Largest norm of the generator's gradient, None for no clipping.
        discriminator_clip: The same for the discriminator.
        ema_decay: Decay of the generator's moving average per move, which samples and metrics use; 0 is off.
        accumulate: Number of chunks in which each batch is processed.
        compile: Compile both networks; gradient penalties run uncompiled.
        loss_limit: A loss beyond it counts as exploded.

    Raises:
        SettingError: No latent size is given, or a setting is out of its range.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        latent_dim: int | None = None,
        prior: Prior | None = None,
        n_critic: int = 1,
        generator_optimizer: OptimizerCallable = ADAM,
        discriminator_optimizer: OptimizerCallable = ADAM,
        generator_scheduler: LRSchedulerCallable | None = None,
        discriminator_scheduler: LRSchedulerCallable | None = None,
        generator_clip: float | None = None,
        discriminator_clip: float | None = None,
        ema_decay: float = 0.999,
        accumulate: int = 1,
        compile: bool = False,
        loss_limit: float = 1e8,
    ) -> None:
        super().__init__(ema_decay=ema_decay, accumulate=accumulate, compile=compile, loss_limit=loss_limit)
        if n_critic < 1:
            raise SettingError("n_critic", n_critic, "the generator moves in every n-th round, n = 1, 2, ...")
        self.generator, self.discriminator = generator, discriminator
        self.latent_dim = _latent_dim(latent_dim, generator)
        self.prior = prior if prior is not None else Normal()
        self.n_critic = n_critic
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.generator_scheduler, self.discriminator_scheduler = generator_scheduler, discriminator_scheduler
        self.generator_clip, self.discriminator_clip = generator_clip, discriminator_clip

    def players(self) -> list[Player]:
        """The discriminator moves first, then the generator."""
        discriminator = Player(
            "discriminator",
            self.discriminator_loss,
            [self.discriminator],
            self.discriminator_optimizer,
            clip=self.discriminator_clip,
            scheduler=self.discriminator_scheduler,
        )
        generator = Player(
            "generator",
            self.generator_loss,
            [self.generator],
            self.generator_optimizer,
            every=self.n_critic,
            clip=self.generator_clip,
            scheduler=self.generator_scheduler,
        )
        return [discriminator, generator]

    def discriminator_loss(self, batch: Any) -> Tensor:
        """-E[log D(x)] - E[log(1 - D(G(z)))], a scalar."""
        return minimax_discriminator_loss(*self.judge_both(self.real(batch), self.fake(batch)))

    def generator_loss(self, batch: Any) -> Tensor:
        """-E[log D(G(z))], a scalar."""
        return non_saturating_generator_loss(self.judge(*self.fake(batch)))

    # The seams that variants override.

    def latent(self, batch: Any) -> Tensor:
        """Latents for a batch, (N, Z)."""
        return self.rand(self.prior, len(images_of(batch)), self.latent_dim).type(self.dtype)

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """What the discriminator judges of a batch: (images,)."""
        images = images_of(batch)
        if not images.is_floating_point():
            raise SettingError("batch", str(images.dtype), "networks take floats in [-1, 1]; see images.from_uint8")
        return (images,)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the discriminator judges of as many generated samples: (images,)."""
        return (self.generator(self.latent(batch) if z is None else z),)

    def judge(self, *inputs: Tensor) -> Tensor:
        """Logits of the discriminator, in float32 or more; every call of it, in losses and penalties, is this one."""
        logits: Tensor = self.discriminator(*inputs)
        return logits if logits.dtype == torch.float64 else logits.float()

    def judge_both(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logits of real and of fake samples, noted as ``logits/real``, ``logits/fake`` and ``accuracy``.

        The accuracy is how often the discriminator scores the real one of a real and a fake sample higher: right for
        probabilities and for critics, whose zero means nothing. 1 is a perfect judge, 0.5 a guessing one.
        """
        real_logits, fake_logits = self.judge(*real), self.judge(*fake)
        if self.noting:
            self.note("logits/real", real_logits)
            self.note("logits/fake", fake_logits)
            self.note("accuracy/discriminator", pairwise_accuracy(real_logits.detach(), fake_logits.detach()))
        return real_logits, fake_logits

    def averaged(self) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": self.generator}

    # What comes out.

    def forward(self, *inputs: Tensor, ema: bool = True) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from what the generator takes: averaged weights or raw ones, eval mode."""
        generator = self._generator(ema=ema)
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
            SettingError: Labels for a model without classes, or not one per sample; truncation out of range.
        """
        if n < 1:
            raise SettingError("n", n, "must be 1 or more")
        if labels is not None and len(labels) != n:
            raise SettingError("labels", f"{len(labels)} labels", f"one per sample is needed: {n}")
        generator = self._generator(ema=ema)
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
            raise SettingError(
                "labels", f"{len(labels)} labels", f"{type(self).__name__} is not conditional; drop them"
            )
        z = indexed_draw(prior, mix(seed, 0), first, last, self.latent_dim)
        return (z.to(self.device).type(self.dtype),)

    def _generator(self, *, ema: bool) -> nn.Module:
        """The generator to sample from; the averaged one with batch norm's statistics estimated under its weights."""
        if not ema or self.ema is None:
            return self.generator
        average = self.ema["generator"]
        if not self.ema.calibrated:
            if has_batch_statistics(average):
                calibrate(average, lambda i: average(*self._calibration_inputs(i)), range(_CALIBRATION_BATCHES))
            self.ema.calibrated = True
        return average

    def _calibration_inputs(self, index: int) -> tuple[Tensor, ...]:
        first = index * _CALIBRATION_SIZE
        return self.sampling_inputs(first, first + _CALIBRATION_SIZE, _CALIBRATION_SEED, self.prior)


class ConditionalGAN(GAN):
    """Conditional GAN: both networks see the label, ``generator(z, labels)`` and ``discriminator(images, labels)``.

    Mirza and Osindero 2014, arXiv:1411.1784, eq. 2: E[log D(x|y)] + E[log(1 - D(G(z|y)))].

    Args:
        generator: From latents (N, Z) and labels (N,) to images (N, C, H, W).
        discriminator: From images and labels to logits.
        num_classes: Number of classes; the command line takes it from the data.
        kwargs: As of ``GAN``.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *, num_classes: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if num_classes is None or num_classes < 1:
            raise SettingError("num_classes", num_classes, "a conditional model needs data with at least one class")
        self.num_classes = num_classes

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """(images, labels)."""
        return images_of(batch), labels_of(batch)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(generated images, the labels that they were made for): those of the batch."""
        labels = labels_of(batch)
        return self.generator(self.latent(batch) if z is None else z, labels), labels

    def sampling_inputs(
        self, first: int, last: int, seed: int, prior: Prior, labels: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """(latents, labels); labels drawn uniformly, again from (seed, index), when none are given."""
        if labels is None:
            uniform = indexed_draw(torch.rand, mix(seed, 1), first, last)
            labels = (uniform * self.num_classes).long()
        return *super().sampling_inputs(first, last, seed, prior), labels.to(self.device)


def pairwise_accuracy(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """How often a real sample scores higher than a fake one, over all pairs; ties count one half. A scalar in [0, 1].

    Args:
        real_logits: (N, ...); several logits of one sample (patches) are averaged.
        fake_logits: (M, ...).

    Example:
        >>> pairwise_accuracy(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
        tensor(0.7500)
    """
    real = real_logits.float().reshape(len(real_logits), -1).mean(1)  # (N,)
    fake = fake_logits.float().reshape(len(fake_logits), -1).mean(1)  # (M,)
    difference = real[:, None] - fake[None]  # (N, M)
    return (difference.sign() + 1).mean() / 2


def _latent_dim(given: int | None, generator: nn.Module) -> int:
    """The size of the latents: as given, or as the generator says; both must agree."""
    own: int | None = getattr(generator, "latent_dim", None)
    size = own if given is None else given
    if size is None:
        raise SettingError("latent_dim", None, "give it, or give the generator an attribute latent_dim")
    if own is not None and size != own:
        raise SettingError("latent_dim", size, f"the generator takes latents of size {own}")
    if size < 1:
        raise SettingError("latent_dim", size, "must be positive")
    return size
