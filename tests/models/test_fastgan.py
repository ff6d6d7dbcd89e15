import pytest
import torch
from torch import nn

from lightning_gans import ConfigError, FastGAN
from lightning_gans.augment import Cutout, DiffAugment
from lightning_gans.evaluation.features import CIFAR10Maps
from lightning_gans.networks import FastGANDiscriminator, FastGANGenerator
from tests.games import loss_of, train

IMAGES = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def model(**kwargs):
    torch.manual_seed(0)
    shape = (3, 16, 16)
    return FastGAN(FastGANGenerator(shape, 4, base_channels=2), FastGANDiscriminator(shape, base_channels=2), **kwargs)


def test_what_is_decoded_is_compared_with_what_the_discriminator_saw():
    """Where every image is cut out as a whole, that is a gray one, whatever the data."""
    losses = []
    for images in (IMAGES, -IMAGES):
        game = model(augment=[DiffAugment([Cutout(2.0 / 2)])])
        game.discriminator.decode = lambda quarter, whole: 2 * [torch.zeros(16, 3, 8, 8)]
        seen = []
        game.log_value = lambda name, value, seen=seen: seen.append((name, float(value)))
        loss_of(game, "discriminator", images)
        losses.append(dict(seen))
    assert losses[0].keys() == {"reconstruction/whole", "reconstruction/part"}
    assert all(value < 0.25 for each in losses for value in each.values())


@pytest.mark.slow
def test_a_decoder_that_learns_brings_the_images_nearer():
    game = model(optimization={"discriminator": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}})
    metrics = [train(game, n, data=IMAGES, batch_size=16, log_every_n_steps=1).callback_metrics for n in (1, 30)]
    for name in ("reconstruction/whole", "reconstruction/part"):
        assert metrics[1][name] < 0.9 * metrics[0][name]


def test_distances_may_be_those_of_feature_maps():
    game, images = model(features=CIFAR10Maps()), IMAGES[:4]
    small = nn.functional.avg_pool2d(images, 2)
    assert float(game.distance(small, images)) == pytest.approx(0, abs=1e-6)
    assert float(game.distance(-small, images)) > 0.01
    pixels = model().distance(-small, images)
    torch.testing.assert_close(pixels, (2 * small).abs().mean())


def test_a_discriminator_without_decoders_is_refused():
    with pytest.raises(ConfigError, match="discriminator='Linear': decodes none of its maps"):
        FastGAN(FastGANGenerator((3, 16, 16), 4), nn.Linear(2, 1))
