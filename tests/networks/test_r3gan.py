"""R3GAN's networks: blocks against loops over groups, Fixup's beginning, the sizes of the paper."""

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConfigError
from lightning_gans.networks import R3GANDiscriminator, R3GANGenerator
from lightning_gans.networks.r3gan import ResidualBlock
from lightning_gans.networks.resampling import downsample, upsample


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moved(network):
    """Weights of a network that are not its first ones: those have zeros."""
    for number, p in enumerate(network.parameters()):
        torch.nn.init.normal_(p, std=0.3, generator=torch.Generator().manual_seed(number))
    return network.double()


def test_a_block_adds_what_each_group_of_channels_becomes_by_itself():
    block, x = moved(ResidualBlock(6, 4, 1)), draw(2, 6, 5, 5)
    first, _, second, _, third = block.branch
    inside = F.leaky_relu(torch.einsum("oi,nihw->nohw", first.weight[:, :, 0, 0], x) + first.bias[:, None, None], 0.2)
    groups = [F.conv2d(inside[:, at : at + 4], second.weight[at : at + 4], padding=1) for at in (0, 4, 8)]
    inside = F.leaky_relu(torch.cat(groups, 1) + second.bias[:, None, None], 0.2)
    torch.testing.assert_close(block(x), x + torch.einsum("oi,nihw->nohw", third.weight[:, :, 0, 0], inside))


def test_at_first_a_deep_network_is_the_shallow_one():
    """Fixup: blocks add nothing; what is left are basis, changes of channels, resampling and colors."""
    torch.manual_seed(0)
    g = R3GANGenerator((3, 16, 16), 5, channel_base=128, max_channels=16, num_blocks=3).double()
    z = draw(2, 5)
    maps = g.basis * F.linear(z, g.scales.weight)[:, :, None, None]  # 16 channels at 4 x 4 and 8 x 8, 8 at 16 x 16
    expected = g.colors(upsample(F.conv2d(upsample(maps), g.layers[7].conv.weight)))
    torch.testing.assert_close(g(z), expected)
    d, x = R3GANDiscriminator((3, 16, 16), channel_base=128, max_channels=16, num_blocks=3).double(), draw(2, 3, 16, 16)
    halved = downsample(F.conv2d(downsample(F.conv2d(x, d.layers[0].weight)), d.layers[4].conv.weight))
    torch.testing.assert_close(d(x), (halved * d.basis).sum((2, 3)) @ d.features.weight.T)


def test_the_deeper_the_smaller_the_weights_inside():
    """Standard deviations gain L^(-1/4) / sqrt(fan-in), of L blocks and three convolutions in each."""
    torch.manual_seed(0)
    first, _, second, _, third = ResidualBlock(256, 64, 16).branch
    gain = (2 / 1.04) ** 0.5 / 2
    assert float(first.weight.detach().std()) == pytest.approx(gain / 256**0.5, rel=0.01)
    assert float(second.weight.detach().std()) == pytest.approx(gain / (64 * 9) ** 0.5, rel=0.01)
    assert not third.weight.any()


def test_the_paper_s_sizes_for_256_pixels():
    """Widths 768 up to 32 x 32, then 384, 192, 96; groups 96, 96, 96, 96, 48, 24, 12; two blocks a size."""
    with torch.device("meta"):
        g = R3GANGenerator((3, 256, 256), 64, channel_base=24576, max_channels=768, num_blocks=2)
        d = R3GANDiscriminator((3, 256, 256), channel_base=24576, max_channels=768, num_blocks=2)
    for network, order in ((g, 1), (d, -1)):
        blocks = [block.branch for block in network.layers if isinstance(block, ResidualBlock)][::order]
        assert [block[0].in_channels for block in blocks[::2]] == [768, 768, 768, 768, 384, 192, 96]
        assert [block[2].groups for block in blocks[1::2]] == [96, 96, 96, 96, 48, 24, 12]


def test_each_sample_and_its_label_count_and_no_other():
    g = moved(R3GANGenerator((1, 8, 8), 4, 3, channel_base=64, max_channels=8))
    d = moved(R3GANDiscriminator((1, 8, 8), 3, channel_base=64, max_channels=8))
    z, labels = draw(4, 4), torch.tensor([0, 1, 2, 1])
    images = g(z, labels)
    logits = d(images, labels)
    assert logits.shape == (4, 1)
    torch.testing.assert_close(d(images[1:2], labels[1:2]), logits[1:2])
    for network, x, before in ((g, z, images), (d, images, logits)):
        changed = (network(x, torch.tensor([0, 2, 2, 1])) != before).flatten(1).any(1)
        assert changed.tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"group_size": 12}, "group_size=12: does not divide the 128 channels"),
        ({"num_blocks": 0}, "num_blocks=0: must be positive"),
        ({"image_shape": (3, 12, 12)}, "image_shape="),
    ],
)
@pytest.mark.parametrize("network", [R3GANGenerator, R3GANDiscriminator])
def test_impossible_sizes_are_named(network, settings, named):
    with pytest.raises(ConfigError, match=named):
        network(**{"image_shape": (3, 8, 8), **settings})
