"""The game engine: players, rounds, randomness, averaging, gradient exchange."""

from lightning_gans.core.game import Game
from lightning_gans.core.gan import GAN, ConditionalGAN
from lightning_gans.core.guards import DivergedError, NonFiniteLossError
from lightning_gans.core.logging import log_values
from lightning_gans.core.player import Player
from lightning_gans.core.randomness import Normal, Prior, Uniform

__all__ = [
    "GAN",
    "ConditionalGAN",
    "DivergedError",
    "Game",
    "NonFiniteLossError",
    "Normal",
    "Player",
    "Prior",
    "Uniform",
    "log_values",
]
