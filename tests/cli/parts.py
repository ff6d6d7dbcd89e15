"""Parts of a user's own, by import path."""

from collections.abc import Sequence

import torch
from torch import nn

from lightning_gans.data import Digits, ImageDataset


class Unscaled(Digits):
    """Images in [0, 255], as files hold them."""

    def train_dataloader(self):
        images = self.train_dataset.images.float()
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), self.batch_size, shuffle=True)


class Unlabeled(Digits):
    """Says that there are classes, but its batches hold none."""

    def load_train(self) -> ImageDataset:
        return ImageDataset(super().load_train().images, None)


class OwnGenerator(nn.Module):
    """What it makes of latents and labels has to be said."""

    def __init__(self, latent_dim: int, image_shape: Sequence[int], num_classes: int, size: int = 16):
        super().__init__()
        self.latent_dim, self.image_shape, self.num_classes = latent_dim, tuple(image_shape), num_classes
        inputs, outputs = latent_dim + num_classes, torch.Size(image_shape).numel()
        self.layers = nn.Sequential(nn.Linear(inputs, size), nn.ReLU(), nn.Linear(size, outputs), nn.Tanh())

    def forward(self, z, labels):
        one_hot = nn.functional.one_hot(labels, self.num_classes)
        return self.layers(torch.cat([z, one_hot.to(z)], 1)).unflatten(1, self.image_shape)


class Framed(OwnGenerator):
    """Of images alone."""

    def __init__(self, image_shape: tuple[int, int, int]):
        super().__init__(2, image_shape, 0)


class OwnDiscriminator(nn.Module):
    """Has to be told of images and classes."""

    def __init__(self, image_shape: Sequence[int], num_classes: int):
        super().__init__()
        self.num_classes = num_classes
        self.layer = nn.Linear(torch.Size(image_shape).numel() + num_classes, 1)

    def forward(self, images, labels):
        one_hot = nn.functional.one_hot(labels, self.num_classes)
        return self.layer(torch.cat([images.flatten(1), one_hot.to(images)], 1))


class Shift:
    """A class among the arguments of data."""

    def __init__(self, by: int = 1):
        self.by = by


class Shifted(Digits):
    """Needs an object, and says how often it was built."""

    built = 0

    def __init__(self, shift: Shift, batch_size: int = 64):
        super().__init__(batch_size)
        assert isinstance(shift, Shift)
        type(self).built += 1
