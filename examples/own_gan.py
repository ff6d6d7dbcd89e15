"""Your own GAN in your own project: your networks, your loader, one overridden loss.

Run it with ``python examples/own_gan.py``; it learns a ring of points in half a minute.
"""

import math

import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader

from lightning_gans import GAN


class LeastSquaresGAN(GAN):
    """Least squares instead of logarithms (Mao et al. 2017, arXiv:1611.04076, eq. 9 with a = 0, b = c = 1)."""

    def discriminator_loss(self, batch):
        real, fake = self.critic.score(self.real(batch)), self.critic.score(self.fake(batch))
        return ((real.logits - 1).square().mean() + fake.logits.square().mean()) / 2

    def generator_loss(self, batch):
        return (self.critic.score(self.fake(batch)).logits - 1).square().mean() / 2


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def main(steps=6000):
    seed_everything(0)
    angles = torch.rand(8192) * 2 * math.pi
    ring = torch.stack([angles.cos(), angles.sin()], 1) + 0.02 * torch.randn(8192, 2)
    model = LeastSquaresGAN(mlp(4, 2), mlp(2, 1), latent_dim=4, optimization={"ema_decay": 0.99})
    trainer = Trainer(max_steps=steps, max_epochs=-1, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(model, DataLoader(ring, batch_size=256, shuffle=True, drop_last=True))
    radius = model.sample(1000).norm(dim=1)
    print(f"radius of 1,000 samples: {radius.mean():.2f} +- {radius.std():.2f} (the data: 1.00 +- 0.02)")
    return radius


if __name__ == "__main__":
    main()
