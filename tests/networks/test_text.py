"""Networks that are given a sentence."""

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.networks import TextDiscriminator, TextGenerator


def test_projection_adds_an_inner_product():
    network = TextDiscriminator((3, 32, 32), 5, base_channels=4, text_features=4, projection=True).eval()
    images, text = torch.randn(2, 3, 32, 32), torch.randn(2, 5)
    maps = network.down(images)
    expected = torch.einsum("ne,ce,nc->n", text, network.projection.weight, maps.sum((2, 3)))
    plain = network.out(network.features(images, text).unflatten(1, maps.shape[1:])).flatten()
    assert network(images, text).flatten().allclose(plain + expected, atol=1e-5)


def seeded_noise(text):
    torch.manual_seed(3)
    return torch.randn_like(text)


def test_text_noise_is_added_once_and_in_training_alone():
    images, text, z = torch.randn(2, 3, 32, 32), torch.randn(2, 5), torch.randn(2, 4)
    moved = text + 0.5 * seeded_noise(text)
    discriminator = TextDiscriminator((3, 32, 32), 5, 4, 4, projection=True, text_noise=0.5)
    generator = TextGenerator(4, 5, (3, 32, 32), 4, 4, text_noise=0.5)
    for call in (
        lambda t: discriminator(images, t),
        lambda t: discriminator.features(images, t),
        lambda t: generator(z, t),
    ):
        torch.manual_seed(3)
        noisy = call(text)
        discriminator.text_noise.eval(), generator.text_noise.eval()
        assert not noisy.allclose(call(text), atol=1e-4)
        assert noisy.equal(call(moved))
        discriminator.train(), generator.train()


def test_without_text_noise_nothing_is_drawn():
    generator, discriminator = TextGenerator(4, 5, (3, 32, 32), 4, 4), TextDiscriminator((3, 32, 32), 5, 4, 4)
    before = torch.get_rng_state()
    discriminator(generator(torch.zeros(2, 4), torch.zeros(2, 5)), torch.zeros(2, 5))
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TextDiscriminator((3, 32, 32)), "text_dim=None: give the size of an embedding"),
        (lambda: TextGenerator(4, 0, (3, 32, 32)), "text_dim=0: must be positive"),
        (lambda: TextGenerator(4, 5, (3, 32, 32), text_noise=-0.1), "text_noise=-0.1: is a standard deviation"),
    ],
)
def test_bad_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
