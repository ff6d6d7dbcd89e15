import torch

from lightning_gans import LSGAN
from lightning_gans.batch import Batch
from tests.games import gan, points


def test_losses_follow_the_equation():
    model, x = gan(LSGAN, fake_target=-1.0, real_target=1.0, generator_target=0.0), points(64)
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(Batch(x)))
    expected = ((model.discriminator(x) - 1) ** 2).mean() / 2 + ((model.discriminator(fake) + 1) ** 2).mean() / 2
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), expected)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(Batch(x)), (model.discriminator(fake) ** 2).mean() / 2)
