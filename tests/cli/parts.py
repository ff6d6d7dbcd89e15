"""Parts of a user's own, by import path."""

import torch

from lightning_gans.data import Digits, ImageDataset


class Unscaled(Digits):
    """Images in [0, 255], as files hold them."""

    def train_dataloader(self):
        images = self.train_set.images.float()
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), self.batch_size, shuffle=True)


class Unlabeled(Digits):
    """Says that there are classes, but its batches hold none."""

    def load(self) -> ImageDataset:
        return ImageDataset(super().load().images, None)
