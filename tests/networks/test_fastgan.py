"""FastGAN's networks: excitation across sizes, quarters, maps that can be decoded."""

import pytest
import torch

from lightning_gans import ConfigError
from lightning_gans.networks import FastGANDiscriminator, FastGANGenerator, SkipExcitation
from lightning_gans.networks.fastgan import SelfSupervised, quarters


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_small_maps_scale_the_channels_of_large_ones():
    """One factor in (0, 1) a channel, of the four by four means of the small maps."""
    layer, small, large = SkipExcitation(3, 5).double(), draw(2, 3, 8, 8), draw(2, 5, 32, 32, seed=1)
    means = small.view(2, 3, 4, 2, 4, 2).mean((3, 5))
    first, second = layer.layers[1].weight, layer.layers[3].weight[:, :, 0, 0]
    hidden = torch.einsum("nihw,oihw->no", means, first)
    factors = torch.sigmoid(torch.where(hidden > 0, hidden, 0.1 * hidden) @ second.T)
    torch.testing.assert_close(layer(small, large), factors[:, :, None, None] * large)


def test_excitations_lead_from_each_size_to_one_that_is_so_many_times_as_large():
    """As in the paper's table: 4, 8, 16 scale 64, 128, 256; and what is scaled by 0 is black."""
    layers = FastGANGenerator((3, 256, 256), 4, base_channels=4, skip=16).excitations
    sizes = {
        name: (each.layers[1].layer.in_channels, each.layers[3].layer.out_channels) for name, each in layers.items()
    }
    assert sizes == {"64": (64, 8), "128": (32, 4), "256": (16, 2)}
    g = FastGANGenerator((3, 16, 16), 4, base_channels=2, skip=4).eval()
    assert list(g.excitations) == ["16"]
    images = g(torch.ones(1, 4))
    g.excitations["16"].forward = lambda small, large: 0 * large
    assert images.any()
    assert not g(torch.ones(1, 4)).any()


def test_quarters_are_those_that_are_asked_for():
    maps = draw(4, 3, 6, 6)
    found = quarters(maps, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))
    expected = [maps[0, :, :3, :3], maps[1, :, :3, 3:], maps[2, :, 3:, :3], maps[3, :, 3:, 3:]]
    assert torch.equal(found, torch.stack(expected))


@pytest.mark.parametrize(("side", "decoded"), [(16, 8), (64, 32), (512, 128)])
def test_the_discriminator_decodes_a_quarter_and_the_whole_to_one_size(side, decoded):
    d = FastGANDiscriminator((1, side, side), base_channels=1)
    assert isinstance(d, SelfSupervised)
    logits, part, whole = d(torch.zeros(2, 1, side, side))
    assert (logits.shape, part.shape[2:], whole.shape[2:]) == ((2, 1, 5, 5), (16, 16), (8, 8))
    assert [each.shape for each in d.decode(part[..., :8, :8], whole)] == [(2, 1, decoded, decoded)] * 2


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: FastGANGenerator((3, 32, 32), skip=3), "skip=3: how many times as large"),
        (lambda: FastGANGenerator((3, 32, 32), base_channels=0), "base_channels=0: must be positive"),
        (lambda: FastGANDiscriminator((3, 8, 8)), "must have sides of 16 or more"),
    ],
)
def test_impossible_sizes_are_named(build, named):
    with pytest.raises(ConfigError, match=named):
        build()
