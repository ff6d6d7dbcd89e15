"""Objectives and kernels: pure functions of tensors."""

from lightning_gans.objectives.adversarial import (
    hinge_discriminator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_discriminator_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
    wasserstein_discriminator_loss,
    wasserstein_generator_loss,
)
from lightning_gans.objectives.divergences import (
    KL,
    Alpha,
    Divergence,
    GANDivergence,
    JensenShannon,
    NeymanChi2,
    PearsonChi2,
    ReverseKL,
    SquaredHellinger,
    TotalVariation,
)
from lightning_gans.objectives.information import categorical_information, continuous_information
from lightning_gans.objectives.variational import gaussian_kl, gaussian_nll, reparametrize

__all__ = [
    "KL",
    "Alpha",
    "Divergence",
    "GANDivergence",
    "JensenShannon",
    "NeymanChi2",
    "PearsonChi2",
    "ReverseKL",
    "SquaredHellinger",
    "TotalVariation",
    "categorical_information",
    "continuous_information",
    "gaussian_kl",
    "gaussian_nll",
    "hinge_discriminator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "relativistic_discriminator_loss",
    "relativistic_generator_loss",
    "reparametrize",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
]
