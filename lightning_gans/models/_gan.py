"""The original game of two."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.player import Player
from lightning_gans.engine.randomness import Prior
from lightning_gans.engine.trick import Trick
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import minimax_discriminator_loss, non_saturating_generator_loss

ADAM: Any = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999]}}
"""Adam as in DCGAN (Radford et al. 2016, arXiv:1511.06434, section 4), the usual choice for GANs since."""


class GAN(LatentModel):
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
        n_critic: The discriminator moves in every step, the generator in every n-th.
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
        tricks: What else is done to the game, in this order; see ``lightning_gans.tricks``.

    Raises:
        ConfigError: No latent size is given, a setting is out of its range, or a trick does not fit the game.
    """

    log_odds: ClassVar[bool] = True
    """Whether logits are log odds, D = sigmoid(logit): the discriminator's loss is a cross-entropy."""
    sloped: ClassVar[bool] = True
    """Whether ``judge`` is the function that the objective is about, so that a penalty on its slope means something."""
    sample_wise: ClassVar[bool] = True
    """Whether the generator's loss is a mean of one term for each of its samples."""

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
        tricks: Sequence[Trick] = (),
    ) -> None:
        engine: dict[str, Any] = {"ema_decay": ema_decay, "accumulate": accumulate, "compile": compile}
        super().__init__(generator, latent_dim=latent_dim, prior=prior, loss_limit=loss_limit, **engine)
        if n_critic < 1:
            raise ConfigError("n_critic", n_critic, "the generator moves in every n-th step, n = 1, 2, ...")
        self.discriminator = discriminator
        self.n_critic = n_critic
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.generator_scheduler, self.discriminator_scheduler = generator_scheduler, discriminator_scheduler
        self.generator_clip, self.discriminator_clip = generator_clip, discriminator_clip
        self.tricks = tuple(tricks)
        self._charges: list[Tensor] = []
        for trick in self.tricks:
            trick.check(self)

    def players(self) -> list[Player]:
        """The discriminator moves first, then the generator."""
        discriminator = Player(
            "discriminator",
            self.charged_discriminator_loss,
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
        return non_saturating_generator_loss(self.judge_fake(self.fake(batch)))

    def charged_discriminator_loss(self, batch: Any) -> Tensor:
        """What the discriminator descends: its loss, and what tricks charge it for the logits of ``judge_both``."""
        self._charges = []
        loss = self.discriminator_loss(batch)
        charges, self._charges = self._charges, []  # a game that kept their graphs could not be copied
        return loss + sum(charges) if charges else loss

    # The seams that variants override.

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """What the discriminator judges of a batch: (images,)."""
        return (self.images(batch),)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the discriminator judges of as many generated samples: (images,)."""
        return (self.generator(self.latent(batch) if z is None else z),)

    def outputs(self, *inputs: Tensor) -> Tensor:
        """All that the discriminator says, in float32 or more; every call of it in losses and penalties is this one."""
        outputs: Tensor = self.discriminator(*self.shown(inputs))
        return outputs if outputs.dtype == torch.float64 else outputs.float()

    def shown(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the discriminator is shown of what it judges: all of it as it is, or as tricks change it."""
        for trick in self.tricks:
            inputs = trick.seen(self, inputs)
        return inputs

    def judge(self, *inputs: Tensor) -> Tensor:
        """The logits that say real or fake: all ``outputs``, or in a variant whose discriminator says more, some."""
        return self.outputs(*inputs)

    def judge_both(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logits of real and of fake samples, weighed."""
        return self.weighed(real, fake, self.judge(*real), self.judge(*fake))

    def weighed(
        self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], real_logits: Tensor, fake_logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both logits as they are; noted as ``logits/real``, ``logits/fake`` and ``accuracy``, and charged by tricks.

        The accuracy is how often the discriminator scores the real one of a real and a fake sample higher: right for
        probabilities and for critics, whose zero means nothing. 1 is a perfect judge, 0.5 a guessing one.
        """
        if self.noting:
            self.note("logits/real", real_logits)
            self.note("logits/fake", fake_logits)
            self.note("accuracy/discriminator", pairwise_accuracy(real_logits.detach(), fake_logits.detach()))
        self._charges += self.charges(real, fake, real_logits, fake_logits)
        return real_logits, fake_logits

    def charges(
        self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], real_logits: Tensor, fake_logits: Tensor
    ) -> list[Tensor]:
        """What tricks add to the discriminator's loss, scalars."""
        charged = [trick.charge(self, real, fake, real_logits, fake_logits) for trick in self.tricks]
        return [charge for charge in charged if charge is not None]

    def judge_fake(self, fake: tuple[Tensor, ...]) -> Tensor:
        """Logits of generated samples as the generator's loss takes them."""
        return self.heard(self.judge(*fake))

    def heard(self, fake_logits: Tensor) -> Tensor:
        """Logits of generated samples as the generator's loss takes them; a trick may choose among them."""
        for trick in self.tricks:
            fake_logits = trick.heard(self, fake_logits)
        return fake_logits


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
