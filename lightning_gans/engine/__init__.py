"""The game engine: players, steps, randomness, averaging, gradient exchange."""

from lightning_gans.engine.conditional import Conditional
from lightning_gans.engine.game import Game
from lightning_gans.models.gan import GAN
from lightning_gans.engine.checks import DivergedError, NonFiniteLossError
from lightning_gans.engine.inference import Inference
from lightning_gans.engine.joint import BidirectionalGAN
from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.logging import log_values
from lightning_gans.engine.player import Player
from lightning_gans.engine.randomness import Codes, Normal, Prior, Uniform
from lightning_gans.engine.trick import Trick
from lightning_gans.engine.unrolling import InnerOptimizer, InnerSGD, OwnOptimizer, under, unroll
from lightning_gans.engine.variational import Variational, VariationalGame

__all__ = [
    "GAN",
    "Codes",
    "Conditional",
    "DivergedError",
    "Game",
    "Inference",
    "InnerOptimizer",
    "InnerSGD",
    "BidirectionalGAN",
    "LatentModel",
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
