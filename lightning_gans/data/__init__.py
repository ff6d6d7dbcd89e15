"""Datamodules."""

from lightning_gans.data.base import DerivedData, ImageDataModule
from lightning_gans.data.captioned import CaptionedEmoji, CaptionedImages
from lightning_gans.data.captions import CaptionedData, CaptionedDataset
from lightning_gans.data.classics import CIFAR10, MNIST, MNISTM, FashionMNIST, StackedMNIST
from lightning_gans.data.datasets import (
    BatchedDataset,
    DerivedDataset,
    ImageDataset,
    PairDataset,
    PointDataset,
    UnpairedDataset,
)
from lightning_gans.data.degradations import JPEG, Blur, Degradation, Noise, shrink_bicubic
from lightning_gans.data.degraded import DegradedCIFAR10, DegradedData, DegradedEmoji, DegradedImages, Photographs
from lightning_gans.data.digits import DigitEdges, DigitNegatives, Digits, UnpairedDigits
from lightning_gans.data.emoji import Emoji, EmojiFaces, EmojiPairs, UnpairedEmoji
from lightning_gans.data.folder import HeldOutFolder, ImageFolder
from lightning_gans.data.masked import MaskedData, MaskedDigits, MaskedEmoji, MaskedImages, MaskedMNIST
from lightning_gans.data.masks import BlockMasks, CenterMask, FolderMasks, FreeFormMasks, MaskRule
from lightning_gans.data.mixtures import GaussianMixture2D, Grid2D, Points2D, Ring2D, TwoGaussians2D
from lightning_gans.data.paired import DomainFolders, PairedImages, UnpairedImages
from lightning_gans.data.plane import DisjointRegions2D, Line2D, PlaneData
from lightning_gans.data.scenes import Scenes

__all__ = [
    "CIFAR10",
    "JPEG",
    "MNIST",
    "MNISTM",
    "BatchedDataset",
    "BlockMasks",
    "Blur",
    "CaptionedData",
    "CaptionedDataset",
    "CaptionedEmoji",
    "CaptionedImages",
    "CenterMask",
    "Degradation",
    "DegradedCIFAR10",
    "DegradedData",
    "DegradedEmoji",
    "DegradedImages",
    "DerivedData",
    "DerivedDataset",
    "DigitEdges",
    "DigitNegatives",
    "Digits",
    "DisjointRegions2D",
    "DomainFolders",
    "Emoji",
    "EmojiFaces",
    "EmojiPairs",
    "FashionMNIST",
    "FolderMasks",
    "FreeFormMasks",
    "GaussianMixture2D",
    "Grid2D",
    "HeldOutFolder",
    "ImageDataModule",
    "ImageDataset",
    "ImageFolder",
    "Line2D",
    "MaskRule",
    "MaskedData",
    "MaskedDigits",
    "MaskedEmoji",
    "MaskedImages",
    "MaskedMNIST",
    "Noise",
    "PairDataset",
    "PairedImages",
    "Photographs",
    "PlaneData",
    "PointDataset",
    "Points2D",
    "Ring2D",
    "Scenes",
    "StackedMNIST",
    "TwoGaussians2D",
    "UnpairedDataset",
    "UnpairedDigits",
    "UnpairedEmoji",
    "UnpairedImages",
    "shrink_bicubic",
]
