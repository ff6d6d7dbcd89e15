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


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TextDiscriminator((3, 32, 32)), "text_dim=None: give the size of an embedding"),
        (lambda: TextGenerator(4, 0, (3, 32, 32)), "text_dim=0: must be positive"),
    ],
)
def test_bad_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
