"""The game engine: players, rounds, randomness, averaging, gradient exchange."""

from lightning_gans.core.conditional import Conditional
from lightning_gans.core.game import Game
from lightning_gans.core.gan import GAN
from lightning_gans.core.guards import DivergedError, NonFiniteLossError
from lightning_gans.core.inference import Inference
from lightning_gans.core.joint import JointGAN
from lightning_gans.core.latent import LatentGame
from lightning_gans.core.logging import log_values
from lightning_gans.core.player import Player
from lightning_gans.core.randomness import Codes, Normal, Prior, Uniform
from lightning_gans.core.trick import Trick
from lightning_gans.core.unrolling import InnerOptimizer, InnerSGD, OwnOptimizer, under, unroll
from lightning_gans.core.variational import Variational, VariationalGame

__all__ = [
    "GAN",
    "Codes",
    "Conditional",
    "DivergedError",
    "Game",
    "Inference",
    "InnerOptimizer",
    "InnerSGD",
    "JointGAN",
    "LatentGame",
    "NonFiniteLossError",
    "Normal",
    "OwnOptimizer",
    "Player",
    "Prior",
    "Trick",
    "Uniform",
    "Variational",
    "VariationalGame",
    "log_values",
    "under",
    "unroll",
]
