"""Attention, conditional norms, and the networks of SAGAN and BigGAN."""

import pytest
import torch
from torch import nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks import (
    BigGANGenerator,
    ConditionalBatchNorm2d,
    ProjectionDiscriminator,
    SAGANDiscriminator,
    SAGANGenerator,
    SelfAttention,
    SpectralNorm,
)
from lightning_gans.regularizers import orthogonal_penalty

SHAPE = (3, 32, 32)


def test_attention_is_a_softmax_over_all_places():
    layer = SelfAttention(16).double()
    nn.init.constant_(layer.gamma, 0.7)
    x = torch.randn(2, 16, 4, 6, dtype=torch.float64)
    pooled = [nn.MaxPool2d(2)(part(x)).flatten(2) for part in (layer.phi, layer.g)]  # 6 places
    expected = x.clone()
    for sample in range(2):
        for row in range(4):
            for column in range(6):
                query = layer.theta(x)[sample, :, row, column]
                scores = torch.stack([query @ pooled[0][sample, :, j] for j in range(6)]).exp()
                gathered = sum(scores[j] / scores.sum() * pooled[1][sample, :, j] for j in range(6))
                expected[sample, :, row, column] += 0.7 * layer.out.weight[:, :, 0, 0] @ gathered
    torch.testing.assert_close(layer(x), expected)


def test_attention_begins_as_the_identity_and_learns_to_be_more():
    layer, x = SelfAttention(16), torch.randn(2, 16, 8, 8)
    assert torch.equal(layer(x), x)
    layer(x).square().sum().backward()
    assert layer.gamma.grad.abs() > 0


def test_conditional_batch_norm_is_the_affine_one_of_the_class():
    gain, shift = nn.Embedding(3, 5), nn.Embedding(3, 5)
    layer, plain = ConditionalBatchNorm2d(5, gain, shift), nn.BatchNorm2d(5)
    x = torch.randn(4, 5, 6, 6)
    for label in range(3):
        plain.weight.data, plain.bias.data = 1 + gain.weight[label].data, shift.weight[label].data
        torch.testing.assert_close(layer(x, torch.full((4,), label)), plain(x))
    torch.testing.assert_close(layer.norm.running_var, plain.running_var)
    joined = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(layer))[0]  # what trainer.sync_batchnorm does
    assert isinstance(joined.norm, nn.SyncBatchNorm)
    torch.testing.assert_close(joined.eval()(x, torch.full((4,), 2)), plain.eval()(x))


@pytest.mark.parametrize("kind", [SAGANGenerator, BigGANGenerator])
@pytest.mark.parametrize("side", [8, 64])
def test_every_layer_but_tables_of_classes_is_spectrally_normalized(kind, side):
    """As both papers have it; and each is orthogonal at first, so that nothing is to be regularized yet."""
    generator = kind(12 * 5, (3, side, side), base_channels=2, attention=8, num_classes=4)
    images = generator(torch.randn(3, 60), torch.tensor([0, 3, 1]))
    assert images.shape == (3, 3, side, side)
    discriminator = ProjectionDiscriminator(SAGANDiscriminator((3, side, side), 2, attention=4), 4)
    assert discriminator(images, torch.tensor([0, 3, 1])).shape == (3, 1)
    for network in (generator, discriminator):
        layers = {m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)}
        assert layers == {m.layer for m in network.modules() if isinstance(m, SpectralNorm)} - {
            discriminator.embedding.layer
        }
        singular = [torch.linalg.svdvals(layer.weight.flatten(1)) for layer in layers]
        assert all(torch.allclose(values, torch.ones_like(values), atol=1e-5) for values in singular)


def test_each_block_has_latents_of_its_own():
    """Of BigGAN: the last chunk reaches the last block alone, whose input the others decide."""
    generator = BigGANGenerator(16, SHAPE, base_channels=2, attention=None, embedding_dim=6, num_classes=3).eval()
    seen = []
    for block in generator.synthesis.blocks:
        block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    z, labels = torch.randn(2, 16), torch.tensor([0, 2])
    images = generator(z, labels)
    changed = z.clone()
    changed[:, 12:] += 1  # of chunks 4, 4, 4, 4
    others = generator(changed, labels)
    assert not torch.allclose(images, others)
    before, after = seen[:3], seen[3:]
    assert all(torch.equal(one[0], other[0]) for one, other in zip(before, after, strict=True))
    assert [torch.equal(one[1], other[1]) for one, other in zip(before, after, strict=True)] == [True, True, False]
    assert all(torch.equal(condition[:, :6], generator.embedding(labels)) for _, condition in seen)


def test_the_orthogonal_penalty_draws_filters_apart():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Embedding(5, 2), nn.Linear(6, 3)).double()
    descent, first = torch.optim.SGD(layers.parameters(), lr=0.05), orthogonal_penalty(layers).item()
    lengths = [layer.weight.flatten(1).norm(dim=1).detach() for layer in (layers[0], layers[2])]
    for _ in range(200):
        descent.zero_grad()
        orthogonal_penalty(layers).backward()
        descent.step()
    assert orthogonal_penalty(layers) < 1e-3 * first
    assert layers[1].weight.grad is None
    for layer, length in zip((layers[0], layers[2]), lengths, strict=True):
        weight = layer.weight.flatten(1)
        torch.testing.assert_close(weight @ weight.T, torch.diag(weight.norm(dim=1) ** 2), atol=0.02, rtol=0)
        assert (weight.norm(dim=1) > 0.5 * length).all()  # of whatever length


def test_the_discriminator_has_second_derivatives():
    """As gradient penalties need them, through attention too."""
    discriminator = SAGANDiscriminator((3, 16, 16), 2, attention=8).double()
    (attention,) = (m for m in discriminator.modules() if isinstance(m, SelfAttention))
    nn.init.constant_(attention.gamma, 1.0)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(p.grad is not None for p in attention.theta.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SAGANGenerator(8, SHAPE, attention=64), "attention=64: maps have sides of 8, 16, 32"),
        (lambda: SAGANDiscriminator(SHAPE, attention=32), "attention=32: maps have sides of 8, 16"),
        (lambda: BigGANGenerator(66, SHAPE, attention=None), "latent_dim=66: must be a multiple of 4"),
        (lambda: SAGANGenerator(8, (3, 512, 512)), r"image_shape=\(3, 512, 512\): sides of 256 at most"),
    ],
)
def test_impossible_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
