import pytest
import torch
from torch import nn

from lightning_gans import WGAN
from tests.games import gan, same, state, train


def test_every_parameter_of_the_critic_is_clipped_and_none_of_the_generator():
    model = gan(WGAN, clip_value=0.003)
    train(model, 5)
    bounds = [float(w.abs().max()) for name, w in state(model.discriminator).items()]
    assert max(bounds) == pytest.approx(0.003)
    assert max(float(w.abs().max()) for w in state(model.generator).values()) > 0.01


@pytest.mark.parametrize(("steps", "stands"), [(4, True), (5, False)])
def test_the_generator_is_updated_in_every_fifth_step(steps, stands):
    model = gan(WGAN, optimization={"generator": {"class_path": "torch.optim.SGD", "init_args": {"lr": 1.0}}})
    before = state(model.generator)
    train(model, steps)
    assert same(state(model.generator), before) == stands


@pytest.mark.slow
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
    still = {"n_critic": 1000, "discriminator": sgd}
    model = WGAN(Shift(), nn.Linear(2, 1, bias=False), clip_value=0.01, optimization=still)
    data = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -2.0])
    trainer = train(model, 50, data=data, batch_size=512)
    assert torch.equal(model.discriminator.weight.detach(), torch.tensor([[0.01, -0.01]]))
    assert float(trainer.callback_metrics["wasserstein"]) == pytest.approx(0.05, rel=0.05)
