import torch

from lightning_gans import DCGAN, GAN, Normal
from lightning_gans.batch import Batch
from tests.games import gan, points, same, state, train


def test_latents_are_uniform_unless_another_prior_is_given():
    model, batch = gan(DCGAN), Batch(points(4096))
    z = model.latent(batch)
    assert z.abs().max() <= 1
    torch.testing.assert_close(z.var(), torch.tensor(1 / 3), atol=0.01, rtol=0)
    assert gan(DCGAN, prior=Normal()).latent(batch).abs().max() > 2


def test_beyond_the_prior_it_is_the_original_game():
    """With the same prior and seed both train the same weights."""
    dcgan, plain = gan(DCGAN, prior=Normal()), gan(GAN)
    train(dcgan, 5)
    train(plain, 5)
    assert same(state(dcgan.generator), state(plain.generator))
