"""Networks that enlarge and that complete images."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import ConfigError
from lightning_gans.networks import (
    BoundedOutput,
    ContextGenerator,
    GatedConv2d,
    GatedGenerator,
    RRDBNet,
    SpectralPatchDiscriminator,
    SRDiscriminator,
    SRResNet,
)
from lightning_gans.networks.super_resolution import enlarged_bicubically

SMALL = {"base_channels": 4, "num_blocks": 2}


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("kind", [SRResNet, RRDBNet])
def test_images_of_any_size_are_enlarged(kind, scale):
    network = kind((1, 8, 8), (3, 8 * scale, 8 * scale), **SMALL)
    assert network.scale == scale
    assert network(torch.zeros(2, 1, 5, 7)).shape == (2, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize("kind", [SRResNet, RRDBNet])
def test_without_details_an_image_is_the_bicubic_one(kind):
    network = kind((3, 8, 8), (3, 16, 16), skip=True, **SMALL)
    last = network.out if kind is SRResNet else network.up[-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    source = torch.randn(2, 3, 6, 8).tanh() / 2
    assert torch.equal(network(source), enlarged_bicubically(source, 2).clamp(-1, 1))
    nn.init.constant_(last.bias, 5.0)
    assert torch.equal(network(source), torch.ones(2, 3, 12, 16)), "what is overshot is white"


@pytest.mark.parametrize("kernel_size", [3, 9])
@pytest.mark.parametrize("skip", [False, True])
def test_overlap_is_all_that_a_pixel_depends_on(kernel_size, skip):
    """And not much more: with ones for weights every path counts."""
    network = SRResNet((1, 40, 40), (1, 160, 160), 2, 1, kernel_size, norm=None, skip=skip)
    for p in network.parameters():
        nn.init.constant_(p, 0.01)  # and stay within the range
    source = torch.rand(1, 1, 40, 40, requires_grad=True)
    network(source)[..., 80:84, 80:84].sum().backward()  # what the pixel in row and column 20 becomes
    rows = source.grad[0, 0].abs().sum(1).nonzero().flatten()
    reach = max(20 - int(rows.min()), int(rows.max()) - 20)
    assert network.overlap - 3 <= reach <= network.overlap


def test_statistics_of_the_whole_image_are_not_those_of_a_tile():
    assert SRResNet((1, 8, 8), (1, 16, 16), 2, 1, norm="instance").overlap is None


def test_a_gate_closes_and_opens():
    layer, x = GatedConv2d(2, 3), torch.randn(2, 2, 5, 5)
    features = F.conv2d(x, layer.both.weight[:3], layer.both.bias[:3], padding=1)
    nn.init.zeros_(layer.both.weight[3:])
    for logit, gate in ((-1e4, 0.0), (0.0, 0.5), (1e4, 1.0)):
        nn.init.constant_(layer.both.bias[3:], logit)
        torch.testing.assert_close(layer(x), gate * F.elu(features))


def test_small_signals_pass_a_gate_as_large_as_they_come():
    signal = 0.01 * torch.randn(8, 16, 32, 32)
    with torch.no_grad():
        passed = GatedConv2d(16, 64)(signal)[:, :, 1:-1, 1:-1]  # not the border
    varies = passed - passed.mean((0, 2, 3), keepdim=True)  # what its bias adds does not
    assert 0.9 < float(varies.std() / signal.std()) < 1.1


def test_a_cut_output_is_led_back_and_no_further():
    x = torch.tensor([-3.0, -0.5, 0.5, 3.0], requires_grad=True)
    cut = BoundedOutput()(x)
    assert cut.tolist() == [-1.0, -0.5, 0.5, 1.0]
    for slope, passes in ((1.0, [0.0, 1.0, 1.0, 1.0]), (-1.0, [-1.0, -1.0, -1.0, 0.0])):
        (gradient,) = torch.autograd.grad(slope * cut.sum(), x, retain_graph=True)
        assert gradient.tolist() == passes


def test_a_generator_that_made_all_black_learns_what_is_not():
    network = GatedGenerator((2, 8, 8), (1, 8, 8), 4, dilations=(1,))
    nn.init.constant_(network.up[-2].bias, -30.0)
    made = network(torch.randn(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    assert made.eq(-1).all()
    F.l1_loss(made, torch.ones(1, 1, 8, 8)).backward()
    assert float(network.down[0].both.weight.grad.norm()) > 1e-4


def test_patches_are_scored_with_spectral_norm():
    network = SpectralPatchDiscriminator((1, 32, 32), base_channels=4, num_layers=2)
    for _ in range(50):
        network(torch.randn(1, 1, 32, 32))
    for layer in network.layers[::2]:
        weight = layer.layer.weight.flatten(1)
        sigma = torch.linalg.svdvals(weight)[0]
        v = F.normalize(weight.T @ layer.u, dim=0)
        torch.testing.assert_close(layer.u @ weight @ v, sigma, rtol=1e-2, atol=0)
    logits = network(torch.randn(2, 1, 48, 32))
    assert logits.shape == (2, 8, 12, 8)


BAD = {
    "no scale": (lambda: SRResNet((3, 16, 16), (3, 80, 80)), "2, 3, 4 or 8 times as small"),
    "another shape": (lambda: RRDBNet((3, 16, 8), (3, 64, 64)), "2, 3, 4 or 8 times as small"),
    "no source": (lambda: SRResNet(None, (3, 64, 64)), "source_shape=None"),
    "channels of a skip": (lambda: SRResNet((2, 16, 16), (3, 64, 64), skip=True), "skip=True: sources have 2 channels"),
    "an even kernel": (lambda: SRResNet((3, 16, 16), (3, 64, 64), kernel_size=4), "kernel_size=4: must be odd"),
    "a tiny source": (lambda: SRResNet((1, 8, 8), (1, 16, 16), **SMALL)(torch.zeros(1, 1, 3, 9)), "4 pixels or more"),
    "another size": (lambda: SRDiscriminator((3, 32, 32), 4, 8)(torch.zeros(1, 3, 64, 64)), "32 x 32 pixels"),
    "a context of another size": (
        lambda: ContextGenerator((2, 16, 16), (1, 16, 16), 4, 8)(torch.zeros(1, 2, 32, 32)),
        "takes 16 x 16 pixels alone",
    ),
    "no mask": (
        lambda: GatedGenerator((4, 16, 16), (3, 16, 16), 4)(torch.zeros(1, 3, 16, 16)),
        "together of 4 channels",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_named(name):
    build, said = BAD[name]
    with pytest.raises(ConfigError, match=said):
        build()


def test_at_first_a_block_is_a_fifth_more_of_what_it_was_given():
    """As in the authors' code, where three dense blocks that add little to it are weighted by 0.2 and added to it."""
    network = RRDBNet((3, 8, 8), (3, 16, 16), base_channels=8, growth_channels=4, num_blocks=4)
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        made = network.blocks(x)
    assert float((made - 1.2**4 * x).norm() / made.norm()) < 0.02
