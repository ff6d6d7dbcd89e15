import pytest
import torch
from torch import nn

from lightning_gans import WGAN, ConfigError
from tests.games import gan, points, state, train


def test_losses_follow_the_equation():
    model = gan(WGAN)
    x = points(64)
    model._randomness.seek(0, 0)
    fake = model.generator(model.latent(x))
    model._randomness.seek(0, 0)
    loss = model.discriminator_loss(x)
    torch.testing.assert_close(loss, model.discriminator(fake).mean() - model.discriminator(x).mean())
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(x), -model.discriminator(fake).mean())


def test_every_parameter_of_the_critic_is_clipped_and_none_of_the_generator():
    model = gan(WGAN, clip_value=0.003)
    train(model, 5)
    bounds = [float(w.abs().max()) for name, w in state(model.discriminator).items()]
    assert max(bounds) == pytest.approx(0.003)
    assert max(float(w.abs().max()) for w in state(model.generator).values()) > 0.01


def test_the_generator_moves_every_fifth_round():
    model = gan(WGAN, generator_optimizer={"class_path": "torch.optim.SGD", "init_args": {"lr": 1.0}})
    before = state(model.generator)
    train(model, 4)
    assert all(torch.equal(value, before[name]) for name, value in state(model.generator).items())
    model = gan(WGAN, generator_optimizer={"class_path": "torch.optim.SGD", "init_args": {"lr": 1.0}})
    train(model, 5)
    assert not all(torch.equal(value, before[name]) for name, value in state(model.generator).items())


def test_a_linear_critic_estimates_the_distance_between_means():
    """With f(x) = w.x and |w_i| <= c the best critic's value is c * |E x - E G(z)|_1: a closed form to learn."""

    class Shift(nn.Module):
        latent_dim = 2

        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))

        def forward(self, z):
            return z + self.shift

    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
    model = WGAN(Shift(), nn.Linear(2, 1, bias=False), clip_value=0.01, n_critic=1000, discriminator_optimizer=sgd)
    data = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -2.0])
    trainer = train(model, 50, data=data, batch_size=512)
    assert torch.equal(model.discriminator.weight.detach(), torch.tensor([[0.01, -0.01]]))
    assert float(trainer.callback_metrics["wasserstein"]) == pytest.approx(0.05, rel=0.05)


def test_clip_value_must_be_positive():
    with pytest.raises(ConfigError, match="clip_value=0"):
        gan(WGAN, clip_value=0)
