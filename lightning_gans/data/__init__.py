"""Datamodules."""

from lightning_gans.data.base import ImageData, ImageDataset
from lightning_gans.data.digits import Digits

__all__ = ["Digits", "ImageData", "ImageDataset"]
