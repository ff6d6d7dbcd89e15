import torch
from torch.nn import functional as F

from lightning_gans import GAN, MinimaxGAN
from lightning_gans.batch import Batch
from tests.games import gan, loss_of, points


def test_minimax_is_a_zero_sum_game():
    """What one player gains the other loses: their losses differ by a term that G cannot change."""
    model, x = gan(MinimaxGAN), Batch(points(64))
    model._rng.seek(0, 0)
    discriminator = model.discriminator_loss(x)
    model._rng.seek(0, 0)
    real_term = -F.logsigmoid(model.discriminator(x.image)).mean()
    torch.testing.assert_close(discriminator, real_term - model.generator_loss(x))


def test_both_losses_have_the_same_stationary_direction_for_a_guessing_discriminator():
    """With D = 1/2 everywhere both generator losses have the same gradient: the two games share their solution."""
    gradients = []
    for kind in (GAN, MinimaxGAN):
        model = gan(kind)
        with torch.no_grad():
            model.discriminator.out.weight.mul_(1e-4)  # nearly guessing
            model.discriminator.out.bias.zero_()
        loss = loss_of(model, "generator", points(64))
        gradients.append(torch.autograd.grad(loss, model.generator.layers[0].weight)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=5e-3, atol=1e-9)
