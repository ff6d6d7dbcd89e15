import torch

from lightning_gans import GAN, MinimaxGAN
from tests.games import gan, points


def losses_of(model, batch):
    model._randomness.seek(0, 0)
    discriminator = model.discriminator_loss(batch)
    model._randomness.seek(0, 0)
    return discriminator, model.generator_loss(batch)


def test_minimax_is_a_zero_sum_game():
    """What one player gains the other loses: their losses differ by a term that G cannot change."""
    model, x = gan(MinimaxGAN), points(64)
    discriminator, generator = losses_of(model, x)
    real_term = -torch.nn.functional.logsigmoid(model.discriminator(x)).mean()
    torch.testing.assert_close(discriminator, real_term - generator)


def test_both_losses_have_the_same_stationary_direction_for_a_guessing_judge():
    """With D = 1/2 everywhere both generator losses have the same gradient: the two games share their solution."""
    gradients = []
    for kind in (GAN, MinimaxGAN):
        model = gan(kind)
        with torch.no_grad():
            model.discriminator.out.weight.mul_(1e-4)  # nearly a guessing judge
            model.discriminator.out.bias.zero_()
        model._randomness.seek(0, 0)
        gradients.append(torch.autograd.grad(model.generator_loss(points(64)), model.generator.layers[0].weight)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=5e-3, atol=1e-9)
