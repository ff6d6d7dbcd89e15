import pytest
import torch
from torch import nn

from lightning_gans import VEEGAN
from lightning_gans.batch import Batch
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points

Z = 3


def game(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator, encoder = MLPGenerator(Z, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), out_features=Z)
        return VEEGAN(generator, encoder, MLPDiscriminator((2,), (16,), latent_dim=Z), **kwargs)


def test_losses_follow_algorithm_1():
    """The paper's D_omega is minus the logit here: positive where pairs look generated."""
    model, x = game(reconstruction_weight=0.5), points(8)
    model._rng.seek(0, 0)
    z = model.latent(Batch(x))
    made = model.generator(z)
    paper = -model.discriminator(made, z), -model.discriminator(x, model.encoder(x))
    model._rng.seek(0, 0)
    scored = -torch.sigmoid(paper[0]).log().mean() - (1 - torch.sigmoid(paper[1])).log().mean()
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), scored, rtol=1e-5, atol=1e-6)
    distance = sum(((z[i] - model.encoder(made)[i]) ** 2).sum() for i in range(8)) / 8
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(Batch(x)), paper[0].mean() + 0.5 * distance, rtol=1e-5, atol=1e-6)


def test_the_reconstructor_learns_from_the_noise_alone():
    model, batch = game(), Batch(points(8))
    model._rng.seek(0, 0)
    model.generator_loss(batch).backward()
    learned = [p.grad.clone() for p in model.encoder.parameters()]
    model.zero_grad()
    model._rng.seek(0, 0)
    z = model.latent(batch)
    (z - model.encoder(model.generator(z).detach())).square().sum(1).mean().backward()
    torch.testing.assert_close(learned, [p.grad for p in model.encoder.parameters()])


class Undecided(nn.Module):
    def forward(self, x, z):
        return torch.zeros(len(x), 1)


@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_a_generator_that_drops_noise_pays_for_it(kept):
    """Section 3: what G throws away cannot be mapped back; the best F leaves its variance as distance."""
    generator, encoder = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    generator.weight.data = torch.diag(torch.tensor([2.0, kept]))
    encoder.weight.data = torch.linalg.pinv(generator.weight.data)
    model = VEEGAN(generator, encoder, Undecided(), latent_dim=2)
    model._rng.seek(0, 0)
    batch = Batch(points(64))
    z = model.latent(batch)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(batch).detach(), (1 - kept) * z[:, 1].square().mean())
