"""StyleGAN2's layers against scipy and against loops over samples; styles, noise and truncation."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import upfirdn
from torch.nn import functional as F

from lightning_gans import ConfigError, StyleGAN2
from lightning_gans.engine import is_styled
from lightning_gans.networks import DCGANGenerator, StyleDiscriminator, StyleGenerator
from lightning_gans.networks.equalized import EqualizedLinear
from lightning_gans.networks.resampling import blur, downsample, upsample
from lightning_gans.networks.stylegan2 import ModulatedConv2d, StyleMapping


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def along_both_axes(maps, taps, up=1, down=1):
    for axis in (-1, -2):
        maps = np.apply_along_axis(lambda row: upfirdn(taps, row, up, down), axis, maps)
    return maps


def test_resampling_is_scipys():
    maps = draw(2, 3, 6, 8)
    taps = np.array([1, 3, 3, 1]) / 8
    doubled = along_both_axes(maps.numpy(), 2 * taps, up=2)  # 2 n + 2 long; torch has n zeros after the last value
    np.testing.assert_allclose(upsample(maps), doubled[..., 1:13, 1:17], rtol=0, atol=1e-12)
    halved = along_both_axes(np.pad(maps.numpy(), [(0, 0), (0, 0), (1, 1), (1, 1)]), taps)[..., 3:-3, 3:-3][
        ..., ::2, ::2
    ]
    np.testing.assert_allclose(downsample(maps), halved, rtol=0, atol=1e-12)
    full = along_both_axes(maps.numpy(), taps)
    np.testing.assert_allclose(blur(maps, padding=2), full[..., 1:-1, 1:-1], rtol=0, atol=1e-12)


def test_resampling_keeps_what_is_constant():
    flat = torch.full((1, 2, 8, 8), 0.7)
    for inside in (upsample(flat)[..., 1:-1, 1:-1], downsample(flat)[..., 1:-1, 1:-1], blur(flat, 0)):
        torch.testing.assert_close(inside, torch.full_like(inside, 0.7))


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_a_modulated_convolution_is_one_convolution_a_sample(up, demodulate):
    """With weights that are scaled by the style and normalized as they stand in the paper's equations."""
    layer = ModulatedConv2d(5, 4, 3, style_dim=6, demodulate=demodulate, up=up).double()
    maps, styles = draw(3, 5, 8, 8), draw(3, 6, seed=1)
    scales = F.linear(styles, layer.affine.weight / math.sqrt(6), layer.affine.bias)
    outputs = []
    for x, s in zip(maps, scales, strict=True):
        weight = layer.weight / math.sqrt(5 * 9) * s[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            spread = torch.zeros(1, 5, 19, 19, dtype=torch.float64)
            spread[..., 2:18:2, 2:18:2] = x
            outputs.append(blur(F.conv2d(spread, weight.flip(2, 3)), padding=1, gain=4.0))
        else:
            outputs.append(F.conv2d(x[None], weight, padding=1))
    torch.testing.assert_close(layer(maps, styles), torch.cat(outputs))


def test_demodulated_maps_have_the_variance_of_those_before():
    layer = ModulatedConv2d(64, 64, 3, style_dim=8).double()
    maps = layer(draw(8, 64, 16, 16), 5 * draw(8, 8, seed=1))[..., 1:-1, 1:-1]
    assert maps.var().item() == pytest.approx(1, abs=0.1)


def test_adam_moves_equalized_weights_alike():
    """A step changes what a layer computes with by the same share whatever its fan-in; the mapping by a hundredth."""
    shares = []
    for fan_in, rate in ((4, 1.0), (400, 1.0), (400, 0.01)):
        layer = EqualizedLinear(fan_in, 3, lr_multiplier=rate)
        before = layer.weight.detach() * layer.scale
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(torch.randn(16, fan_in)).square().sum().backward()
        optimizer.step()
        shares.append(float((layer.weight.detach() * layer.scale - before).norm() / before.norm()))
    assert shares[1] == pytest.approx(shares[0], rel=0.6)
    assert shares[2] == pytest.approx(shares[1] / 100, rel=0.2)


def test_the_mapping_normalizes_latents():
    network = StyleMapping(6, 0, 4, 2).double()
    torch.testing.assert_close(network(draw(3, 6)), network(7 * draw(3, 6)), atol=1e-6, rtol=1e-6)


def generator(**kwargs):
    torch.manual_seed(0)
    return StyleGenerator((3, 16, 16), 6, channel_base=64, style_dim=5, **kwargs).double()


def test_truncation_draws_towards_the_mean_of_the_styles():
    network = generator()
    network.mean_style.copy_(draw(5))
    styles = network.mapping(draw(2, 6, seed=1))
    assert torch.equal(network.truncate(styles), styles[:, None].expand(-1, network.num_styles, -1))
    every = network.truncate(styles, 0.0)
    torch.testing.assert_close(every, network.mean_style.expand_as(every))
    some = network.truncate(styles, 0.25, cutoff=2)
    torch.testing.assert_close(some[:, 1], network.mean_style + (styles - network.mean_style) / 4)
    assert torch.equal(some[:, 2:], network.truncate(styles)[:, 2:])
    first, second = (network(draw(2, 6, seed=seed), psi=0.0) for seed in (1, 2))
    torch.testing.assert_close(first, second)


def test_coarse_styles_decide_coarse_maps():
    """The first four layers see no other style: mixing after them changes nothing below 8 x 8 pixels."""
    network = generator(noise=False)
    one, other = network.truncate(network.mapping(draw(2, 6)))
    mixed = torch.stack([one, torch.cat([one[:4], other[4:]])])
    seen = []
    network.blocks[1].register_forward_hook(lambda *call: seen.append(call[2][0]))
    images = network.synthesis(mixed)
    assert torch.equal(*seen[0])
    assert not torch.allclose(*images)


def test_noise_is_given_or_fixed():
    network = generator()
    z, noise = draw(2, 6), draw(2, network.num_noise, seed=1)
    for name, parameter in network.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.5)
    assert torch.equal(network(z), network(z, noise, fixed_noise=True))
    assert not torch.allclose(network(z, noise), network(z))
    torch.testing.assert_close(network(z[:1], noise[:1]), network(z, noise)[:1])


def test_a_sample_is_a_function_of_its_number():
    model = StyleGAN2(generator().float(), StyleDiscriminator((3, 16, 16), channel_base=64))
    for parameter in (p for name, p in model.generator.named_parameters() if name.endswith("strength")):
        parameter.data.fill_(0.5)
    together, alone = model.generate(n=4, seed=3), model.generate(n=1, seed=3, start=2)
    torch.testing.assert_close(together[2:3], alone)
    assert not torch.allclose(together, model.generate(n=4, seed=3, fixed_noise=True))


def test_labels_reach_both_networks():
    network = StyleGenerator((3, 8, 8), 6, 4, channel_base=64, style_dim=5)
    z = torch.randn(1, 6).expand(2, -1)
    images = network(z, torch.tensor([0, 1]))
    assert not torch.allclose(*images)
    discriminator = StyleDiscriminator((3, 8, 8), 4, channel_base=64, group=None)
    logits = discriminator(images[:1].expand(2, -1, -1, -1), torch.tensor([0, 1]))
    assert logits.shape == (2, 1)
    assert not torch.allclose(*logits)


def test_what_does_not_fit_is_named():
    plain = DCGANGenerator(image_shape=(3, 16, 16), latent_dim=4)
    for shape in ((3, 28, 28), (3, 16, 32)):
        with pytest.raises(ConfigError, match="its sides must be 8, 16, 32"):
            StyleGenerator(shape)
    with pytest.raises(ConfigError, match="has no styles"):
        StyleGAN2(plain, StyleDiscriminator((3, 16, 16)))
    assert not is_styled(plain)
    with pytest.raises(ConfigError, match=r"styles=\(1, 1, 5\)"):
        generator().synthesis(draw(1, 1, 5))


def test_the_paper_sizes():
    """At 1024 x 1024 the authors' networks have 30.4 and 29.0 million parameters, and eighteen styles."""
    with torch.device("meta"):
        widths = {"channel_base": 32768, "max_channels": 512}
        made = StyleGenerator((3, 1024, 1024), 512, style_dim=512, mapping_layers=8, **widths)
        judged = StyleDiscriminator((3, 1024, 1024), **widths)
    count = [sum(p.numel() for p in network.parameters()) for network in (made, judged)]
    assert made.num_styles == 18
    assert [round(each / 1e6, 1) for each in count] == [30.4, 29.0]
    assert all(small < large for small, large in pairwise(made.noise_sides[::2]))
