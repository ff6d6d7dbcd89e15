"""Adversarial objectives: what each player minimizes, as pure functions of logits, and as objects.

Logits may have any shape, (N, ...) of real samples and (M, ...) of generated ones: several logits of one sample
(patches) count alike. With a logit l and D = sigmoid(l), -log D = softplus(-l) and -log(1 - D) = softplus(l), which do
not overflow. Losses are scalars.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.divergences import Divergence, JensenShannon


def minimax_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))]: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.

    Its minimum over D is -V = 2 log 2 - 2 JSD, reached at D = p / (p + q) (section 4.1).

    Example:
        >>> minimax_discriminator_loss(torch.zeros(2), torch.zeros(3))  # 2 log 2: a discriminator that guesses
        tensor(1.3863)
    """
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def minimax_generator_loss(fake_logits: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))]: the generator's side of eq. 1 of arXiv:1406.2661; flat where D is sure of what is fake.

    Example:
        >>> minimax_generator_loss(torch.zeros(3))  # -log 2
        tensor(-0.6931)
    """
    return -F.softplus(fake_logits).mean()


def non_saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """-E[log D(G(z))]: the same fixed point, a steep gradient early on (arXiv:1406.2661, section 3).

    Example:
        >>> non_saturating_generator_loss(torch.zeros(3))  # log 2
        tensor(0.6931)
    """
    return F.softplus(-fake_logits).mean()


def least_squares_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, fake_target: float = 0.0, real_target: float = 1.0
) -> Tensor:
    """1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2]: Mao et al. 2017, arXiv:1611.04076, eq. 2.

    b is the target of real samples, a that of generated ones.

    Example:
        >>> least_squares_discriminator_loss(torch.ones(2), torch.zeros(3))
        tensor(0.)
    """
    return ((real_logits - real_target).square().mean() + (fake_logits - fake_target).square().mean()) / 2


def least_squares_generator_loss(fake_logits: Tensor, generator_target: float = 1.0) -> Tensor:
    """1/2 E[(D(G(z)) - c)^2]: arXiv:1611.04076, eq. 2; c is what the generator wants D to say.

    Example:
        >>> least_squares_generator_loss(torch.zeros(3))
        tensor(0.5000)
    """
    return (fake_logits - generator_target).square().mean() / 2


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16.

    Samples outside the margin pull no more: the critic stays bounded without a penalty.

    Example:
        >>> hinge_discriminator_loss(torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 0.0]))
        tensor(1.)
    """
    return torch.relu(1 - real_logits).mean() + torch.relu(1 + fake_logits).mean()


def wasserstein_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E[f(G(z))] - E[f(x)]: minus the critic's estimated distance; Arjovsky et al. 2017, arXiv:1701.07875, eq. 2.

    Example:
        >>> wasserstein_discriminator_loss(torch.ones(2), torch.zeros(3))
        tensor(-1.)
    """
    return fake_logits.mean() - real_logits.mean()


def wasserstein_generator_loss(fake_logits: Tensor) -> Tensor:
    """-E[f(G(z))]: the generator's side, and of the hinge objective too (arXiv:1802.05957, eq. 17).

    Example:
        >>> wasserstein_generator_loss(torch.tensor([1.0, 2.0]))
        tensor(-1.5000)
    """
    return -fake_logits.mean()


def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E[log sigmoid(D(x) - D(G(z)))]: each real sample is to look more real than the fake one that it is paired with.

    Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.1; the objective of R3GAN (Huang et al. 2024,
    arXiv:2501.05441, section 2.1). It depends on differences alone, of as many real as generated samples.

    Example:
        >>> relativistic_discriminator_loss(torch.full((2,), 7.0), torch.full((2,), 7.0))  # log 2
        tensor(0.6931)
    """
    return F.softplus(fake_logits - real_logits).mean()


def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E[log sigmoid(D(G(z)) - D(x))]: the same with the roles exchanged, as the non-saturating loss has it.

    Example:
        >>> relativistic_generator_loss(torch.zeros(2), torch.ones(2))
        tensor(0.3133)
    """
    return relativistic_discriminator_loss(fake_logits, real_logits)


class Objective(ABC):
    """What discriminator and generator minimize, as functions of logits (N, ...).

    The facts have the safe default: what an objective does not claim is not combined with it.
    """

    cross_entropy: ClassVar[bool] = False
    """Whether logits are log odds, D = sigmoid(logit), and D's loss is a cross-entropy: label smoothing needs it."""
    mean_over_samples: ClassVar[bool] = False
    """Whether the generator's loss is a mean of one term for each of its samples: top-k needs it."""
    needs_real: ClassVar[bool] = False
    """Whether the generator's loss depends on the logits of real samples."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimizes, a scalar, from logits of real and of generated samples."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What the generator minimizes, a scalar; ``real`` where the objective ``needs_real``."""


class NonSaturating(Objective):
    """The game of Goodfellow et al. 2014, arXiv:1406.2661, eq. 1, with the generator's loss of section 3."""

    cross_entropy, mean_over_samples = True, True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E[log D(x)] - E[log(1 - D(G(z)))]."""
        return minimax_discriminator_loss(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[log D(G(z))]."""
        return non_saturating_generator_loss(fake)


class Minimax(NonSaturating):
    """The zero-sum game of arXiv:1406.2661, eq. 1: the generator descends what the discriminator ascends."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E[log(1 - D(G(z)))]."""
        return minimax_generator_loss(fake)


class LeastSquares(Objective):
    """Regression of targets: Mao et al. 2017, arXiv:1611.04076, eq. 2.

    Args:
        fake_target: a.
        real_target: b.
        generator_target: c.
        generator_weight: In place of the generator's 1/2, where other terms stand beside it: 1 in CycleGAN.

    Raises:
        ConfigError: a = b.
    """

    mean_over_samples = True

    def __init__(
        self,
        fake_target: float = 0.0,
        real_target: float = 1.0,
        generator_target: float = 1.0,
        generator_weight: float = 0.5,
    ) -> None:
        if fake_target == real_target:
            raise ConfigError("fake_target", fake_target, "must differ from real_target, or there is nothing to learn")
        self.fake_target, self.real_target, self.generator_target = fake_target, real_target, generator_target
        self.generator_weight = generator_weight

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2]."""
        return least_squares_discriminator_loss(real, fake, self.fake_target, self.real_target)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """1/2 E[(D(G(z)) - c)^2]."""
        return 2 * self.generator_weight * least_squares_generator_loss(fake, self.generator_target)


class Wasserstein(Objective):
    """That of Arjovsky et al. 2017, arXiv:1701.07875, eq. 2; f has to be kept Lipschitz by other means."""

    mean_over_samples = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E[f(G(z))] - E[f(x)]."""
        return wasserstein_discriminator_loss(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[f(G(z))]."""
        return wasserstein_generator_loss(fake)


class Hinge(Wasserstein):
    """A margin: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]."""
        return hinge_discriminator_loss(real, fake)


class Relativistic(Objective):
    """Differences of paired samples: Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.1."""

    needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E[log sigmoid(D(x) - D(G(z)))]."""
        return relativistic_discriminator_loss(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[log sigmoid(D(G(z)) - D(x))]."""
        assert real is not None
        return relativistic_generator_loss(real, fake)


class RelativisticAverage(Objective):
    """Each sample against the mean of the other kind: Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.2.

    ``ESRGAN``'s (Wang et al. 2018, arXiv:1809.00219, eq. 1 and 2), without the 1/2 of its authors' code.
    """

    needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E[log sigmoid(D(x) - E[D(G(z))])] - E[log(1 - sigmoid(D(G(z)) - E[D(x)]))]."""
        return minimax_discriminator_loss(real - fake.mean(), fake - real.mean())

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[log(1 - sigmoid(D(x) - E[D(G(z))]))] - E[log sigmoid(D(G(z)) - E[D(x)])]."""
        assert real is not None
        return self.discriminator(fake, real)


class Bidirectional(NonSaturating):
    """D's loss on pairs (x, E(x)) and (G(z), z), and the same with the targets swapped for the player G and E.

    Donahue et al. 2017, arXiv:1605.09782, section 3.4.
    """

    needs_real = True

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[log(1 - D(x, E(x)))] - E[log D(G(z), z)]."""
        assert real is not None
        return F.softplus(real).mean() + non_saturating_generator_loss(fake)


class FDivergence(Objective):
    """L_D = -F, the bound of an f-divergence: Nowozin et al. 2016, arXiv:1606.00709, eq. 4 to 6; L_G of section 3.2.

    Args:
        divergence: f; Jensen and Shannon's when None.
        saddle_point: Whether the generator descends F itself, L_G = -E[f*(g_f(V(G(z))))] (algorithm 1).
    """

    mean_over_samples = True

    def __init__(self, divergence: Divergence | None = None, saddle_point: bool = False) -> None:
        self.divergence = divergence if divergence is not None else JensenShannon()
        self.saddle_point = saddle_point

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-F = -E[g_f(V(x))] + E[f*(g_f(V(G(z))))]."""
        f = self.divergence
        return -(f.activation(real).mean() - f.conjugate_of_activation(fake).mean())

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E[g_f(V(G(z)))], or -E[f*(g_f(V(G(z))))]."""
        f = self.divergence
        return -(f.conjugate_of_activation(fake) if self.saddle_point else f.activation(fake)).mean()
