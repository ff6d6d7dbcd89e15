import pytest
import torch

from lightning_gans import LSGAN, ConfigError
from tests.games import gan, points


def test_losses_follow_the_equation():
    model, x = gan(LSGAN, fake_target=-1.0, real_target=1.0, generator_target=0.0), points(64)
    model._randomness.seek(0, 0)
    fake = model.generator(model.latent(x))
    model._randomness.seek(0, 0)
    expected = ((model.discriminator(x) - 1) ** 2).mean() / 2 + ((model.discriminator(fake) + 1) ** 2).mean() / 2
    torch.testing.assert_close(model.discriminator_loss(x), expected)
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(x), (model.discriminator(fake) ** 2).mean() / 2)


def test_equal_targets_are_refused():
    with pytest.raises(ConfigError, match="fake_target=1"):
        gan(LSGAN, fake_target=1.0)
