"""Parts of a user's own, by import path."""

import torch
from torch import Tensor, nn

from lightning_gans.data import Digits, ImageDataset


class LabeledGenerator(nn.Module):
    """Flat images whose gray is their class."""

    def __init__(self, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim, self.gray = latent_dim, nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return (labels / 10 * 2 - 1)[:, None, None, None].expand(-1, 1, 8, 8) * self.gray


class LabeledDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(65, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.net(torch.cat([images.flatten(1), labels[:, None].type(images.dtype)], 1))


class Unscaled(Digits):
    """Images in [0, 255], as files hold them."""

    def train_dataloader(self):
        images = self.train_set.images.float()
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), self.batch_size, shuffle=True)


class Unlabeled(Digits):
    """Says that there are classes, but its batches hold none."""

    def load(self) -> ImageDataset:
        return ImageDataset(super().load().images, None)
