import torch

from lightning_gans import HingeGAN
from lightning_gans.batch import Batch
from tests.games import gan, points


def test_samples_beyond_the_margin_do_not_move_the_discriminator():
    model = gan(HingeGAN)
    with torch.no_grad():
        for p in model.discriminator.parameters():
            p.zero_()
        model.discriminator.out.bias.fill_(-2.0)  # sure that everything is fake
    model._rng.seek(0, 0)
    model.discriminator_loss(Batch(points(64))).backward()
    assert float(model.discriminator.out.bias.grad) == -1.0  # of the real samples alone


def test_defaults_are_the_paper_s():
    discriminator, generator = gan(HingeGAN).players()
    assert (discriminator.interval, generator.interval) == (1, 5)
    assert discriminator.optimizer["init_args"] == {"lr": 2e-4, "betas": [0.0, 0.9]}
