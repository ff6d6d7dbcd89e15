"""Generative adversarial networks for PyTorch Lightning: a game with players, one page a paper."""

from importlib.metadata import version

from lightning_gans.core import GAN, ConditionalGAN, Game, Normal, Player, Prior, Uniform
from lightning_gans.errors import SettingError
from lightning_gans.models import WGAN

__version__ = version("lightning-gans")

__all__ = ["GAN", "WGAN", "ConditionalGAN", "Game", "Normal", "Player", "Prior", "SettingError", "Uniform"]
