"""Translation between two domains without pairs."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Critic, Optimization, Player, Translator
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial
from lightning_gans.objectives import LeastSquares, Objective
from lightning_gans.regularizers import Regularizer


class CycleGAN(Translator):
    """CycleGAN: two generators turn sources a into images b and back; each way has a discriminator, no pairs are known.

        L_D = 1/2 E_b[(D_B(b) - 1)^2] + 1/2 E_a[D_B(G(a))^2]  +  1/2 E_a[(D_A(a) - 1)^2] + 1/2 E_b[D_A(F(b))^2]
        L_G = E_a[(D_B(G(a)) - 1)^2] + E_b[(D_A(F(b)) - 1)^2]
              + lambda (E_a|F(G(a)) - a|_1 + E_b|G(F(b)) - b|_1)
              + lambda mu (E_b|G(b) - b|_1 + E_a|F(a) - a|_1)

    Zhu et al. 2017, arXiv:1703.10593, eq. 1 to 3, with the least squares and the pool of 50 earlier images of section 4
    and the identity loss of section 5.2. Each discriminator alone would be content with any image of its domain; the
    cycle asks that what was translated can be translated back. The discriminators are updated first, on translations of
    their own.

    Logged: ``reconstruction/cycle_source``, ``reconstruction/cycle_image`` and, with an identity loss,
    ``reconstruction/identity``: L1 per value in units of [-1, 1].

    Args:
        generator: G, from sources (N, c, H, W) to images (N, C, H, W), all in [-1, 1].
        discriminator: D_B, from images to logits of any shape (N, ...).
        source_generator: F, from images to sources.
        source_discriminator: D_A, from sources to logits.
        cycle_weight: lambda.
        identity_weight: mu; 0 for none, as where the two domains differ in their channels.
        pool: Number of earlier translations of each way that the discriminators are shown again; 0 for none.
        optimization: How both sides learn; ``decay_begin`` lets the rates fall in the second half.
        objective: What logits are for; least squares when None, ``NonSaturating`` for the log loss of eq. 1.
        regularizers: Added to both discriminators' losses.
        augment: Done to what both discriminators see.
        kwargs: As of ``Translator``.

    Raises:
        ConfigError: A weight is negative, or a part does not fit the others.
    """

    directions: ClassVar[dict[str, str]] = {"AtoB": "generator", "BtoA": "source_generator"}
    # Section 7.1 of the paper: Adam with rate 2e-4 and beta_1 = 0.5, constant for 100 epochs, then 100 down to 0.
    defaults = replace(Adversarial.defaults, ema_decay=0.0, decay_begin=0.5)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        source_generator: nn.Module,
        source_discriminator: nn.Module,
        *,
        cycle_weight: float = 10.0,
        identity_weight: float = 0.5,
        pool: int = 50,
        optimization: Optimization = defaults,
        objective: Objective | None = None,
        regularizers: Sequence[Regularizer] = (),
        augment: Sequence[Augment] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, optimization=optimization, **kwargs)
        for name, value in (("cycle_weight", cycle_weight), ("identity_weight", identity_weight), ("pool", pool)):
            if value < 0:
                raise ConfigError(name, value, "must be 0 or more")
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        self.discriminator = discriminator
        self.source_generator, self.source_discriminator = source_generator, source_discriminator
        objective = objective or LeastSquares(generator_weight=1.0)
        self.critic = Critic(discriminator, objective, regularizers, augment, history=pool)
        self.source_critic = Critic(
            source_discriminator, objective, regularizers, deepcopy(augment), history=pool, name="source"
        )

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """Each network is told of its own direction; discriminators see one domain alone."""
        source, image = data["source_shape"], data["image_shape"]
        return {
            "generator": {"source_shape": source, "image_shape": image},
            "source_generator": {"source_shape": image, "image_shape": source},
            "discriminator": {"image_shape": image},
            "source_discriminator": {"image_shape": source},
        }.get(role, {})

    def players(self) -> list[Player]:
        """Both discriminators as one, then both generators."""
        o: Optimization = self.optimization
        critics = [self.critic, self.source_critic]
        turns: dict[str, Any] = {"interval": o.n_critic, "updates": o.n_generator}
        discriminators = [self.discriminator, self.source_discriminator]
        generators = [self.generator, self.source_generator]
        return [
            o.player("discriminator", self.discriminator_loss, discriminators, critics=critics),
            o.player("generator", self.generator_loss, generators, against=critics, **turns),
        ]

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """That of D_B on b and G(a), and that of D_A on a and F(b)."""
        a, b = _domains(batch)
        to_b, to_a = Sample(self.generator(a), generated=True), Sample(self.source_generator(b), generated=True)
        in_b = self.critic.discriminator_loss(Sample(b), to_b)
        return in_b + self.source_critic.discriminator_loss(Sample(a), to_a)

    def generator_loss(self, batch: Batch) -> Tensor:
        """What D_B says of G(a) and D_A of F(b), lambda times the cycles, lambda mu times the identities."""
        a, b = _domains(batch)
        to_b, to_a = self.generator(a), self.source_generator(b)
        loss = self.critic.generator_loss(Sample(to_b, generated=True), Sample(b))
        loss = loss + self.source_critic.generator_loss(Sample(to_a, generated=True), Sample(a))
        if self.cycle_weight:
            cycle_a = F.l1_loss(self.source_generator(to_b).float(), a.float())
            cycle_b = F.l1_loss(self.generator(to_a).float(), b.float())
            self.log_value("reconstruction/cycle_source", cycle_a)
            self.log_value("reconstruction/cycle_image", cycle_b)
            loss = loss + self.cycle_weight * (cycle_a + cycle_b)
        if self.identity_weight:
            if a.shape[1] != b.shape[1]:
                hint = f"compares G(b) with b, and sources have {a.shape[1]} channels, images {b.shape[1]}; set it to 0"
                raise ConfigError("identity_weight", self.identity_weight, hint)
            identity = F.l1_loss(self.generator(b).float(), b.float())
            identity = identity + F.l1_loss(self.source_generator(a).float(), a.float())
            self.log_value("reconstruction/identity", identity)
            loss = loss + self.cycle_weight * self.identity_weight * identity
        return loss

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """``cycles``: sources, their translations and what comes back; ``cycles_back``: the same of images."""
        if batch is None or batch.condition.source is None:
            return {}
        pictures = {}
        for name, given, way, back in (
            ("cycles", batch.condition.source, "AtoB", "BtoA"),
            ("cycles_back", batch.images, "BtoA", "AtoB"),
        ):
            made = self.translate(given, seed=seed, direction=way)
            rows = [given, made.cpu(), self.translate(made, seed=seed, direction=back).cpu()]
            pictures[name] = torch.stack([row.expand(-1, max(r.shape[1] for r in rows), -1, -1) for row in rows])
        return pictures


def _domains(batch: Batch) -> tuple[Tensor, Tensor]:
    """Sources a and images b."""
    (a,) = batch.condition.tensors()
    return a, batch.images
