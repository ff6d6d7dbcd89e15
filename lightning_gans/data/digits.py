"""The embedded data set."""

import torch

from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.evaluation.features import DigitsFeatures


class Digits(ImageDataModule):
    """scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels in ten classes, inside the package.

    The test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998). Its 17
    gray levels 0..16 are spread over 0..255. All images are for training: the set is small, and a generator is
    measured against what it shall reproduce.

    Example:
        >>> data = Digits(batch_size=64)
        >>> images, labels = next(iter(data.train_dataloader()))
        >>> images.shape, labels.shape
        (torch.Size([64, 1, 8, 8]), torch.Size([64]))
    """

    image_shape = (1, 8, 8)
    num_classes = 10

    def load_train(self) -> ImageDataset:
        """Read the images from scikit-learn."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        levels = torch.from_numpy(bunch.images).float()  # (1797, 8, 8), 0..16
        images = (levels * (255 / 16)).round().to(torch.uint8)[:, None]
        return ImageDataset(images, torch.from_numpy(bunch.target).long())

    def features(self) -> DigitsFeatures:
        """The classifier of these digits that comes with the package."""
        return DigitsFeatures()
