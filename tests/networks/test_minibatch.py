"""Layers that compare the samples of a batch, and maxout, against their papers' formulas written out."""

from functools import partial

import pytest
import torch
from torch import nn

from lightning_gans import GAN, WGANGP, ConfigError
from lightning_gans.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MaxoutDiscriminator,
    MinibatchDiscrimination,
    MinibatchStdDev,
    MLPDiscriminator,
    MLPGenerator,
)
from lightning_gans.regularizers import R1
from tests.games import same, state, train

LAYERS = [
    partial(MinibatchDiscrimination, num_kernels=3, kernel_dim=2),
    MinibatchStdDev,
    partial(MinibatchStdDev, group=4),
]


def features(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(6,), (3, 2, 2)])
def test_minibatch_discrimination_follows_the_paper(shape):
    layer, f = MinibatchDiscrimination(shape, num_kernels=4, kernel_dim=3), features(5, *shape)
    out = layer(f)
    flat = f.flatten(1)
    closeness = torch.zeros(5, 4)
    for i in range(5):
        for j in range(5):
            for b in range(4):
                difference = (flat[i] - flat[j]) @ layer.kernels[:, b]
                closeness[i, b] += float((-difference.abs().sum()).exp().detach())
    assert out.shape == (5, *layer.shape)
    assert torch.equal(out[:, : shape[0]], f)
    added = out[:, shape[0] :].flatten(2) if len(shape) > 1 else out[:, shape[0] :, None]
    torch.testing.assert_close(added, closeness[:, :, None].expand_as(added), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("group", [None, 4])
def test_minibatch_standard_deviation_follows_the_paper(group):
    layer, f = MinibatchStdDev((3, 2, 2), group=group), features(8, 3, 2, 2)
    out = layer(f)
    assert out.shape == (8, 4, 2, 2)
    assert torch.equal(out[:, :3], f)
    for start in range(0, 8, group or 8):
        part = slice(start, start + (group or 8))
        mean = f[part].numpy().std(0).mean()
        torch.testing.assert_close(out[part, 3], torch.full((group or 8, 2, 2), float(mean)))


def test_strided_groups_are_those_of_the_authors():
    """Samples 0, 2, 4, 6 of eight are a group of four, and 1, 3, 5, 7 the other."""
    layer, f = MinibatchStdDev((3,), group=4, strided=True), features(8, 3)
    for first in range(2):
        expected = MinibatchStdDev((3,))(f[first::2])
        torch.testing.assert_close(layer(f)[first::2], expected)


@pytest.mark.parametrize("build", LAYERS)
def test_samples_that_are_all_alike_are_seen_and_have_derivatives(build):
    layer = build((6,)).double()
    alike = features(1, 6).double().expand(8, -1).clone().requires_grad_()
    different = features(8, 6).double()
    assert not torch.allclose(layer(alike)[:, 6:], layer(different)[:, 6:], rtol=0.1)
    (slope,) = torch.autograd.grad(layer(alike).sum(), alike)
    assert bool(slope.isfinite().all())
    assert torch.autograd.gradcheck(layer, (different.requires_grad_(),))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 1e-4])
def test_samples_that_are_nearly_alike_have_derivatives_in_half_precision_too(dtype, scale):
    nearly = (scale * features(8, 6)).to(dtype).requires_grad_()
    out = MinibatchStdDev((6,))(nearly)
    expected = MinibatchStdDev((6,))(nearly.detach().float())
    assert out.dtype == dtype
    torch.testing.assert_close(out.float()[:, 6], expected[:, 6], rtol=0.01, atol=0)
    (slope,) = torch.autograd.grad(out[:, 6].sum(), nearly)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("build", LAYERS)
@pytest.mark.parametrize("network", [MLPDiscriminator, DCGANDiscriminator, MaxoutDiscriminator])
def test_they_stand_before_the_last_layer_of_a_discriminator(network, build):
    discriminator, x = network((1, 8, 8), minibatch_layer=build), features(8, 1, 8, 8)
    (layer,) = [part for part in discriminator.modules() if getattr(part, "uses_batch", False)]
    assert discriminator(x).shape == (8, 1)
    assert discriminator.features(x).shape == (8, discriminator.feature_dim)
    torch.testing.assert_close(discriminator(x), discriminator.head(discriminator.features(x)))
    assert discriminator.out.weight.shape[1] == layer.shape[0]
    discriminator.eval()
    other = x.clone()
    other[1] += 1
    assert not torch.equal(discriminator(x)[0], discriminator(other)[0]), "the first depends on the second"


def test_gradient_penalties_refuse_them():
    generator = MLPGenerator(4, (2,))
    for build in LAYERS:
        discriminator = MLPDiscriminator((2,), (8,), minibatch_layer=build)
        for refused in (lambda d: WGANGP(generator, d), lambda d: GAN(generator, d, regularizers=[R1()])):
            with pytest.raises(ConfigError, match=r"Minibatch\w+ at .hidden\.2.*by itself"):
                refused(discriminator)


def test_a_model_with_them_trains_and_resumes(tmp_path):
    def game():
        torch.manual_seed(0)
        return GAN(DCGANGenerator(4, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4, minibatch_layer=LAYERS[0]))

    data = torch.rand(64, 1, 8, 8) * 2 - 1
    whole, resumed = game(), game()
    train(whole, 8, data=data, batch_size=16, precision="bf16-mixed")
    train(game(), 4, data=data, batch_size=16, precision="bf16-mixed").save_checkpoint(tmp_path / "half.ckpt")
    train(resumed, 8, data=data, batch_size=16, precision="bf16-mixed", ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(resumed))
    before = game().discriminator.down[-1].kernels
    assert not torch.equal(before, whole.discriminator.down[-1].kernels)


def test_maxout_is_the_largest_of_linear_functions():
    discriminator, x = MaxoutDiscriminator((2,), hidden_dims=(3, 4), pieces=5), features(6, 2)
    hidden = x
    for layer in discriminator.hidden:
        weight, bias = layer.linear.weight, layer.linear.bias
        units = [
            torch.stack([hidden @ weight[row] + bias[row] for row in range(unit, len(bias), layer.after)]).amax(0)
            for unit in range(layer.after)
        ]
        hidden = torch.stack(units, 1)
    torch.testing.assert_close(discriminator(x), discriminator.out(hidden))


def test_pacgan_s_discriminator_of_points():
    discriminator = MaxoutDiscriminator((4,))
    assert [tuple(layer.linear.weight.shape) for layer in discriminator.hidden] == [(1000, 4), (1000, 200), (1000, 200)]
    assert isinstance(discriminator.out, nn.Linear)
    shown = features(7, 2), features(7, 5), torch.arange(7) % 3
    assert MaxoutDiscriminator((2,), num_classes=3, latent_dim=5)(*shown).shape == (7, 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MinibatchDiscrimination((4,), num_kernels=0), "num_kernels=0"),
        (lambda: MinibatchDiscrimination((4,), kernel_dim=0), "kernel_dim=0"),
        (lambda: MinibatchStdDev((4,), group=1), "group=1"),
        (lambda: MinibatchStdDev((4,), group=3)(torch.zeros(8, 4)), "group=3: a batch of 8 does not divide"),
        (lambda: MaxoutDiscriminator((2,), pieces=0), "pieces=0"),
        (lambda: MaxoutDiscriminator((2,), activation=nn.Tanh), "activation=.*Tanh.*: maxout is one"),
    ],
)
def test_impossible_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
