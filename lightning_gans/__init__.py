"""Generative adversarial networks for PyTorch Lightning: a game with players, one page a paper."""

from importlib.metadata import version

from lightning_gans.core import GAN, ConditionalGAN, Game, Normal, Player, Prior, Uniform
from lightning_gans.errors import SettingError
from lightning_gans.models import DCGAN, LSGAN, WGAN, WGANGP, HingeGAN, MinimaxGAN

__version__ = version("lightning-gans")

__all__ = [
    "DCGAN",
    "GAN",
    "LSGAN",
    "WGAN",
    "WGANGP",
    "ConditionalGAN",
    "Game",
    "HingeGAN",
    "MinimaxGAN",
    "Normal",
    "Player",
    "Prior",
    "SettingError",
    "Uniform",
]
