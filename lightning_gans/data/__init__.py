"""Datamodules."""

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.classics import CIFAR10, MNIST, MNISTM, FashionMNIST, StackedMNIST
from lightning_gans.data.datasets import BatchedDataset, ImageDataset, PairDataset, PointDataset, UnpairedDataset
from lightning_gans.data.degraded import DegradedCIFAR10, DegradedData, DegradedEmoji, DegradedImages
from lightning_gans.data.digits import DigitEdges, DigitNegatives, Digits, UnpairedDigits
from lightning_gans.data.emoji import Emoji, EmojiPairs, UnpairedEmoji
from lightning_gans.data.folder import ImageFolder
from lightning_gans.data.masked import MaskedData, MaskedDigits, MaskedEmoji, MaskedMNIST
from lightning_gans.data.masks import CenterMask, MaskRule
from lightning_gans.data.mixtures import GaussianMixture2D, Grid2D, Ring2D
from lightning_gans.data.paired import DomainFolders, PairedImages, UnpairedImages

__all__ = [
    "CIFAR10",
    "MNIST",
    "MNISTM",
    "BatchedDataset",
    "CenterMask",
    "DegradedCIFAR10",
    "DegradedData",
    "DegradedEmoji",
    "DegradedImages",
    "DigitEdges",
    "DigitNegatives",
    "Digits",
    "DomainFolders",
    "Emoji",
    "EmojiPairs",
    "FashionMNIST",
    "GaussianMixture2D",
    "Grid2D",
    "ImageDataModule",
    "ImageDataset",
    "ImageFolder",
    "MaskRule",
    "MaskedData",
    "MaskedDigits",
    "MaskedEmoji",
    "MaskedMNIST",
    "PairDataset",
    "PairedImages",
    "PointDataset",
    "Ring2D",
    "StackedMNIST",
    "UnpairedDataset",
    "UnpairedDigits",
    "UnpairedEmoji",
    "UnpairedImages",
]
