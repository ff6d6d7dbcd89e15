import torch

from lightning_gans import HingeGAN
from tests.games import gan, points


def test_losses_follow_the_equation():
    model, x = gan(HingeGAN), points(64)
    model._randomness.seek(0, 0)
    fake = model.generator(model.latent(x))
    model._randomness.seek(0, 0)
    expected = (1 - model.discriminator(x)).clamp(min=0).mean() + (1 + model.discriminator(fake)).clamp(min=0).mean()
    torch.testing.assert_close(model.discriminator_loss(x), expected)
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(x), -model.discriminator(fake).mean())


def test_samples_beyond_the_margin_do_not_move_the_discriminator():
    model, x = gan(HingeGAN), points(64)
    with torch.no_grad():
        for p in model.discriminator.parameters():
            p.zero_()
        model.discriminator.out.bias.fill_(-2.0)  # sure that everything is fake
    model._randomness.seek(0, 0)
    model.discriminator_loss(x).backward()
    assert float(model.discriminator.out.bias.grad) == -1.0  # of the real samples alone


def test_defaults_are_the_paper_s():
    model = gan(HingeGAN)
    discriminator, generator = model.players()
    assert (discriminator.every, generator.every) == (1, 5)
    assert discriminator.optimizer["init_args"] == {"lr": 2e-4, "betas": [0.0, 0.9]}
