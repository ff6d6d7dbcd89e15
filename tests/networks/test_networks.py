import pytest
import torch
from torch import nn

from lightning_gans import ConfigError
from lightning_gans.networks import (
    CoupledDiscriminator,
    CoupledGenerator,
    DCGANDiscriminator,
    DCGANEncoder,
    DCGANGenerator,
    MaxoutDiscriminator,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
    ProjectionDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
    SpectralNorm,
)


@pytest.mark.parametrize("side", [8, 9, 11, 15, 16, 27, 28, 31, 32, 50, 64, 100, 127, 128])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_dcgan_fits_any_square_size(side, channels):
    shape = (channels, side, side)
    generator, discriminator = DCGANGenerator(5, shape, 2), DCGANDiscriminator(shape, 2)
    images = generator(torch.randn(3, 5))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (3, 1)
    assert discriminator.features(images).shape[0] == 3


@pytest.mark.slow
def test_every_side_from_8_to_128():
    for side in range(8, 129):
        images = DCGANGenerator(5, (1, side, side), 1)(torch.zeros(2, 5))
        assert images.shape == (2, 1, side, side)
        assert DCGANDiscriminator((1, side, side), 1)(images).shape == (2, 1)


@pytest.mark.parametrize("shape", [None, (1, 7, 7), (1, 129, 129), (1, 8, 16), (8, 8), (0, 8, 8)])
@pytest.mark.parametrize("network", [DCGANGenerator, DCGANDiscriminator])
def test_dcgan_refuses_other_shapes(network, shape):
    with pytest.raises(ConfigError, match="image_shape"):
        network(image_shape=shape)


def test_dcgan_initialization_and_placement_of_batch_norm():
    generator, discriminator = DCGANGenerator(100, (1, 32, 32), 64), DCGANDiscriminator((1, 32, 32), 64)
    weights = [m.weight for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    for weight in weights:
        assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    kinds = [type(m).__name__ for m in discriminator.down]
    assert kinds[:3] == ["Conv2d", "LeakyReLU", "Conv2d"]  # none at the input
    assert kinds.count("BatchNorm2d") == 2
    plain = DCGANDiscriminator((1, 32, 32), 8, batch_norm=False)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in plain.modules())


def test_features_are_what_the_last_layer_sees():
    for network, shape in ((DCGANDiscriminator((1, 8, 8), 4), (1, 8, 8)), (MLPDiscriminator((1, 8, 8)), (1, 8, 8))):
        x = torch.randn(6, *shape)
        network.eval()
        features = network.features(x)
        weight = network.out.weight.flatten(1)
        torch.testing.assert_close(network(x), features @ weight.T + network.out.bias)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 4, 4)])
def test_mlp_shapes(shape):
    samples = MLPGenerator(4, shape)(torch.randn(5, 4))
    assert samples.shape == (5, *shape)
    assert MLPDiscriminator(shape)(samples).shape == (5, 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DCGANGenerator(0, (1, 8, 8)), "latent_dim=0"),
        (lambda: DCGANGenerator(4, (1, 8, 8), 0), "base_channels=0"),
        (lambda: DCGANDiscriminator((1, 8, 8), -1), "base_channels=-1"),
        (lambda: MLPGenerator(4), "image_shape=None"),
        (lambda: MLPGenerator(4, (2,), hidden_dims=(0,)), "hidden_dims=0"),
    ],
)
def test_impossible_sizes_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize("side", [8, 9, 15, 28, 32, 33, 64])
def test_resnet_fits_any_square_size(side):
    shape = (3, side, side)
    generator, discriminator = ResNetGenerator(5, shape, 4), ResNetDiscriminator(shape, 4)
    images = generator(torch.randn(2, 5))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (2, 1)
    assert discriminator.features(images).shape == (2, 4)


def test_resnet_has_the_paper_s_blocks_on_32_pixels():
    generator, discriminator = ResNetGenerator(128, (3, 32, 32)), ResNetDiscriminator((3, 32, 32))
    assert generator.project.out_features == 4 * 4 * 256
    assert len(generator.blocks) == 3
    assert len(discriminator.blocks) == 4
    assert discriminator.blocks(torch.zeros(1, 3, 32, 32)).shape == (1, 128, 8, 8)
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == sum(isinstance(m, SpectralNorm) for m in discriminator.modules())
    plain = ResNetDiscriminator((3, 32, 32), 8, spectral_norm=False)
    assert not any(isinstance(m, SpectralNorm) for m in plain.modules())


def test_what_a_discriminator_is_shown_must_be_what_it_was_told_of():
    points, latents, labels = torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ConfigError, match=r"latent_dim=5: .* latents of size 4"):
        MLPDiscriminator((3,), latent_dim=5)(points, latents)
    with pytest.raises(ConfigError, match=r"latent_dim=0: .* latents of size 4"):
        MLPDiscriminator((3,))(points, latents)
    with pytest.raises(ConfigError, match="num_classes=0"):
        MLPDiscriminator((3,))(points, labels)
    with pytest.raises(ConfigError, match=r"latents of size 4 need another network, such as MLPDiscriminator"):
        DCGANDiscriminator((1, 8, 8))(torch.zeros(2, 1, 8, 8), latents)


LABELS, PACKED = torch.tensor([0, 2]), torch.tensor([[0, 2], [1, 1]])
GENERATORS = [MLPGenerator, DCGANGenerator, ResNetGenerator]
DISCRIMINATORS = [MLPDiscriminator, MaxoutDiscriminator, DCGANDiscriminator, ResNetDiscriminator]


@pytest.mark.parametrize("network", GENERATORS)
@pytest.mark.parametrize("none", [0, None])
def test_generators_take_labels_where_there_are_classes(network, none):
    z = torch.randn(2, 4)
    generator = network(4, (1, 8, 8), num_classes=3).eval()
    assert not torch.equal(generator(z, LABELS), generator(z, LABELS.flip(0)))
    with pytest.raises(ConfigError, match=r"^num_classes=3: the network takes labels besides .* fewer"):
        generator(z)
    with pytest.raises(ConfigError, match=r"^labels_per_sample=1: .* labels of shape \(2, 2\)"):
        generator(z, PACKED)
    with pytest.raises(ConfigError, match=r"^num_classes=0: the network takes one input, but was given \(2,\)"):
        network(4, (1, 8, 8), num_classes=none)(z, LABELS)


@pytest.mark.parametrize("network", [*DISCRIMINATORS, MLPEncoder, DCGANEncoder])
def test_discriminators_and_encoders_take_labels_where_there_are_classes(network):
    x = torch.randn(2, 1, 8, 8)
    told, untold = network((1, 8, 8), num_classes=3).eval(), network((1, 8, 8), num_classes=None)
    assert not torch.equal(told(x, LABELS), told(x, LABELS.flip(0)))
    torch.testing.assert_close(told(x, LABELS), told.head(told.features(x, LABELS)))
    assert untold(x).shape == (2, 1)
    assert torch.equal(told(x, LABELS[:, None]), told(x, LABELS)), "packs of one"
    for build in (lambda: told(x), lambda: told(x, LABELS, LABELS), lambda: told(x, PACKED), lambda: untold(x, LABELS)):
        with pytest.raises(ConfigError, match=r"^(num_classes|labels_per_sample|latent_dim)=\d: [^\n]*$"):
            build()


@pytest.mark.parametrize("network", DISCRIMINATORS)
def test_packs_have_a_label_for_each_of_their_samples(network):
    x = torch.randn(2, 2, 8, 8)
    discriminator = network((2, 8, 8), num_classes=3, labels_per_sample=2).eval()
    logits = discriminator(x, PACKED)
    assert logits.shape == (2, 1)
    assert not torch.equal(logits[0], discriminator(x, PACKED.flip(1))[0]), "the order counts: it is the samples'"
    for wrong in (LABELS, torch.zeros(2, 3, dtype=torch.long)):
        with pytest.raises(ConfigError, match=r"^labels_per_sample=2: "):
            discriminator(x, wrong)
    assert network((2, 8, 8), labels_per_sample=2)(x).shape == (2, 1), "packs without labels"
    with pytest.raises(ConfigError, match=r"^labels_per_sample=0"):
        network((2, 8, 8), labels_per_sample=0)
    with pytest.raises(ConfigError, match=r"^num_classes=-1"):
        network((2, 8, 8), num_classes=-1)


def test_labels_join_as_one_hot_vectors_behind_samples_and_latents():
    x, z = torch.randn(2, 3), torch.randn(2, 4)
    discriminator = MLPDiscriminator((3,), num_classes=3, latent_dim=4, labels_per_sample=2)
    one_hot = torch.tensor([[1.0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]])
    expected = discriminator.out(discriminator.hidden(torch.cat([x, z, one_hot], 1)))
    torch.testing.assert_close(discriminator(x, z, PACKED), expected)


def test_latents_and_labels_are_told_apart_by_arguments_alone():
    x, whole = torch.randn(2, 3), torch.tensor([[1, 2], [3, 4]])
    shown = MLPDiscriminator((3,), latent_dim=2)
    torch.testing.assert_close(shown(x, whole), shown(x, whole.float()))
    both = MLPDiscriminator((3,), latent_dim=2, num_classes=3)
    assert both(x, whole.float(), LABELS).shape == (2, 1)
    for rest in ((), (whole,), (LABELS,), (whole, LABELS, LABELS)):
        with pytest.raises(ConfigError, match=r"latents and labels besides its first input"):
            both(x, *rest)
    alone = MLPDiscriminator((5,))
    assert alone(torch.randn(2, 5)).shape == (2, 1), "latents alone, as AAE scores them"


def test_domains_and_projections_ask_for_one_label_a_sample():
    x, z = torch.randn(2, 1, 8, 8), torch.randn(2, 4)
    networks = [
        (CoupledGenerator(4, (1, 8, 8), 2, num_classes=3), z),
        (CoupledDiscriminator((1, 8, 8), 2, num_classes=3), x),
        (ProjectionDiscriminator(MLPDiscriminator((1, 8, 8)), 3), x),
    ]
    for network, first in networks:
        assert len(network(first, LABELS)) == 2
        for rest in ((), (LABELS, LABELS), (PACKED,)):
            with pytest.raises(ConfigError, match=r"^(num_classes=3|labels_per_sample=1|latent_dim=0): [^\n]*$"):
                network(first, *rest)
