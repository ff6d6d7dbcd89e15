"""Tricks: what may be done to any game of generator and discriminator, one object each."""

from lightning_gans.core import Trick
from lightning_gans.tricks.diffaugment import DiffAugment
from lightning_gans.tricks.noise import InstanceNoise
from lightning_gans.tricks.penalties import R1, R2
from lightning_gans.tricks.smoothing import OneSidedLabelSmoothing
from lightning_gans.tricks.top_k import TopK

__all__ = ["R1", "R2", "DiffAugment", "InstanceNoise", "OneSidedLabelSmoothing", "TopK", "Trick"]
