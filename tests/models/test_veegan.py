import pytest
import torch
from torch import nn

from lightning_gans import VEEGAN, ConfigError
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points, state, train

Z = 3


def game(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator, encoder = MLPGenerator(Z, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), out_features=Z)
        return VEEGAN(generator, encoder, MLPDiscriminator((2,), (16,), latent_dim=Z), **kwargs)


def test_losses_follow_algorithm_1():
    """The paper's D_omega is minus the logit here: positive where pairs look generated."""
    model, x = game(reconstruction_weight=0.5), points(8)
    model._randomness.seek(0, 0)
    z = model.latent(x)
    made = model.generator(z)
    paper = -model.discriminator(made, z), -model.discriminator(x, model.encoder(x))
    model._randomness.seek(0, 0)
    judged = -torch.sigmoid(paper[0]).log().mean() - (1 - torch.sigmoid(paper[1])).log().mean()
    torch.testing.assert_close(model.discriminator_loss(x), judged, rtol=1e-5, atol=1e-6)
    distance = sum(((z[i] - model.encoder(made)[i]) ** 2).sum() for i in range(8)) / 8
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(x), paper[0].mean() + 0.5 * distance, rtol=1e-5, atol=1e-6)


def test_the_reconstructor_learns_from_the_noise_alone():
    model, x = game(), points(8)
    model._randomness.seek(0, 0)
    model.generator_loss(x).backward()
    learned = [p.grad.clone() for p in model.encoder.parameters()]
    model.zero_grad()
    model._randomness.seek(0, 0)
    z = model.latent(x)
    (z - model.encoder(model.generator(z).detach())).square().sum(1).mean().backward()
    torch.testing.assert_close(learned, [p.grad for p in model.encoder.parameters()])


@pytest.mark.parametrize(
    ("moving", "changed"), [("discriminator", {"discriminator"}), ("generator", {"generator", "encoder"})]
)
def test_a_move_changes_only_what_its_player_owns(moving, changed):
    model = game()
    players = {player.name: player for player in model.players()}
    assert list(players) == ["discriminator", "generator"]
    model.players = lambda: [players[moving]]
    before = state(model)
    train(model, 2)
    assert {name.split(".")[0] for name, old in before.items() if not torch.equal(old, state(model)[name])} == changed


class Undecided(nn.Module):
    def forward(self, x, z):
        return torch.zeros(len(x), 1)


@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_a_generator_that_drops_noise_pays_for_it(kept):
    """Section 3: what G throws away cannot be mapped back; the best F leaves its variance as distance."""
    generator, encoder = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    generator.weight.data = torch.diag(torch.tensor([2.0, kept]))
    encoder.weight.data = torch.linalg.pinv(generator.weight.data)
    model, z = VEEGAN(generator, encoder, Undecided(), latent_dim=2), torch.randn(64, 2)
    model.latent = lambda batch: z
    torch.testing.assert_close(model.generator_loss(z).detach(), (1 - kept) * z[:, 1].square().mean())


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="reconstruction_weight=-1"):
        game(reconstruction_weight=-1)
