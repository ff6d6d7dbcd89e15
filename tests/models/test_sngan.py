import pickle

import pytest
import torch
from torch import nn

from lightning_gans import GAN, SNGAN, ConfigError
from lightning_gans.networks import DCGANDiscriminator, SpectralNorm, spectrally_normalized
from tests.games import gan, networks, points, same, state, train


def layers(model):
    return [m for m in model.discriminator.modules() if isinstance(m, SpectralNorm)]


def test_it_is_the_original_game_with_every_layer_normalized():
    torch.manual_seed(3)  # of the first singular vectors
    ours = gan(SNGAN)
    torch.manual_seed(3)
    generator, discriminator = networks()
    original = GAN(generator, spectrally_normalized(discriminator))
    assert len(layers(ours)) == 2
    train(ours, 5)
    train(original, 5)
    assert same(state(ours), state(original))


def test_layers_are_normalized_once():
    generator, discriminator = networks()
    once = SNGAN(generator, spectrally_normalized(discriminator))
    twice = SNGAN(generator, once.discriminator)
    assert len(layers(twice)) == 2
    assert all(isinstance(each.layer, nn.Linear) for each in layers(twice))
    built = SNGAN(
        nn.Linear(3, 64), DCGANDiscriminator((1, 8, 8), 4, batch_norm=False, spectral_norm=True), latent_dim=3
    )
    assert len(layers(built)) == 4


def test_the_discriminator_is_no_steeper_than_one():
    """Layers of norm 1 and leaky ReLU between them: |f(x) - f(y)| <= |x - y|, which the plain network breaks."""
    model = gan(SNGAN)
    with torch.no_grad():
        for each in layers(model):
            each.layer.weight.mul_(10)
    for _ in range(30):  # power iterations
        model.discriminator(points(4))
    x, y = points(512), points(512, seed=1)

    def steepest(network):
        return float(((network(x) - network(y)).squeeze(1).abs() / (x - y).norm(dim=1)).max())

    model.eval()
    with torch.no_grad():
        assert 0.1 < steepest(model.discriminator) <= 1.001
        assert steepest(gan(GAN).discriminator) > 0
        bare = nn.Sequential(layers(model)[0].layer, nn.LeakyReLU(0.2), layers(model)[1].layer)
        assert steepest(bare) > 10


def test_checkpoints_and_pickles_carry_the_singular_vectors(tmp_path):
    model = gan(SNGAN)
    train(model, 5).save_checkpoint(tmp_path / "sngan.ckpt")
    generator, discriminator = networks(seed=9)  # as they come, not normalized
    loaded = SNGAN.load_from_checkpoint(tmp_path / "sngan.ckpt", generator=generator, discriminator=discriminator)
    assert same(state(loaded), state(model))
    assert same(state(pickle.loads(pickle.dumps(model.discriminator))), state(model.discriminator))


@pytest.mark.parametrize(
    ("layer", "message"), [(nn.BatchNorm1d(4), "BatchNorm1d at '1'"), (nn.Bilinear(4, 4, 4), "Bilinear at '1'")]
)
def test_what_cannot_be_normalized_is_refused_in_one_line(layer, message):
    with pytest.raises(ConfigError, match=message):
        SNGAN(nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 4), layer, nn.Linear(4, 1)), latent_dim=3)
