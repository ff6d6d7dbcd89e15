"""Tricks: what may be done to any game of generator and discriminator, one object each."""

from lightning_gans.core import Trick
from lightning_gans.tricks.penalties import R1, R2

__all__ = ["R1", "R2", "Trick"]
