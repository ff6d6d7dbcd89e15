import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import ALI, BiGAN, ConfigError, Uniform
from lightning_gans.batch import Batch
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points, same, state, train, updates

Z = 3


def game(cls=BiGAN, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(Z, (2,), (16,), tanh_output=False)
        encoder = MLPEncoder((2,), (16,), out_features=Z * cls.encoder_outputs_per_dim)
        return cls(generator, encoder, MLPDiscriminator((2,), (16,), latent_dim=Z), **kwargs)


class Affine(nn.Module):
    """v -> scale v + shift: the generator, or with (1 / scale, -shift / scale) its inverse."""

    latent_dim = 1

    def __init__(self, scale, shift):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(shift))

    def forward(self, v):
        return self.scale * v + self.shift


class Quadratic(nn.Module):
    """Enough to tell any two normal distributions of pairs apart."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(5, 1)

    def forward(self, x, z):
        x = (x - 3) / 2
        return self.out(torch.cat([x, z, x * x, x * z, z * z], dim=1))


def test_generator_and_encoder_both_learn_from_the_pairs():
    """E learns through the real pairs alone, G through the fake ones alone."""
    model, x = game(), points(8)
    model._rng.seek(0, 0)
    model.generator_loss(Batch(x)).backward()
    learned = {name: p.grad for name, p in model.named_parameters()}
    model.zero_grad()
    z = torch.randn(8, Z)
    F.softplus(model.discriminator(x, model.encoder(x))).mean().backward()
    for name, p in model.named_parameters():
        if name.startswith("encoder"):
            torch.testing.assert_close(learned[name], p.grad)
        elif name.startswith("generator"):
            assert p.grad is None
            assert learned[name].abs().max() > 0
    model.zero_grad()
    F.softplus(-model.discriminator(model.generator(z), z)).mean().backward()
    assert all(p.grad is None for p in model.encoder.parameters())


def test_an_update_of_ali_changes_only_what_its_player_owns():
    """Which has no config of its own."""
    owned = {"discriminator": {"discriminator"}, "generator": {"generator", "encoder"}}
    for name, before, after in updates(game(ALI), points(64)):
        networks = before.keys() - {"ema"}
        assert {net for net in networks if not same(before[net], after[net])} == owned[name]


def best_loss(encoder):
    """What the best discriminator reaches where G makes the data's distribution, and E gives the latents'."""
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.05}}
    still = {"n_critic": 1000, "discriminator": adam}
    model = BiGAN(Affine(2.0, 3.0), encoder, Quadratic(), optimization=still)
    data = 2 * torch.randn(4096, 1, generator=torch.Generator().manual_seed(1)) + 3
    trainer = train(model, 100, data=data, batch_size=128)
    return float(trainer.callback_metrics["loss/discriminator"])


def test_the_game_is_won_by_the_inverse_alone():
    """Theorem 2: D can do no better than guess where E inverts G; right marginals are not enough."""
    assert best_loss(Affine(0.5, -1.5)) == pytest.approx(2 * math.log(2), abs=0.03)
    assert best_loss(Affine(-0.5, 1.5)) < 0.7  # E(x) is standard normal too, but of the wrong sign


def test_what_is_logged_of_the_inversion():
    model = BiGAN(Affine(2.0, 3.0), Affine(0.5, -1.0), Quadratic())
    metrics = train(model, 5, data=torch.zeros(512, 1)).callback_metrics
    assert {"reconstruction/image", "reconstruction/latent", "accuracy/discriminator"} <= metrics.keys()
    model = BiGAN(Affine(2.0, 3.0), Affine(0.5, -1.0), Quadratic())
    model.logging_due = True
    model.generator_loss(Batch(points(16, 1)))
    # E(G(z)) = z + 1/2, and so G(E(x)) = x + 1.
    assert float(model._buffer.values["reconstruction/latent"]) == pytest.approx(0.25)
    assert float(model._buffer.values["reconstruction/image"]) == pytest.approx(1.0)


def test_logging_changes_nothing():
    rare, often = game(), game()
    train(rare, 6, log_every_n_steps=100)
    train(often, 6, log_every_n_steps=1)
    assert same(state(rare), state(often))


def test_ali_draws_the_latents_that_are_scored():
    model, x = game(ALI), points(8)
    model._rng.seek(0, 0)
    noise = model.rand(torch.randn, 8, Z)
    mean, log_variance = model.encoder(x).split(Z, dim=1)
    model._rng.seek(0, 0)
    real = model.real(Batch(x))
    assert torch.equal(real.image, x)
    torch.testing.assert_close(real.latent, mean + log_variance.exp().sqrt() * noise)
    torch.testing.assert_close(model.encode(x), mean)
    with pytest.raises(ConfigError, match="3 outputs"):
        ALI(model.generator, MLPEncoder((2,), out_features=Z), model.discriminator).real(Batch(x))


def test_networks_are_told_the_size_of_the_latents():
    data = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}
    assert BiGAN.network_kwargs("discriminator", data, {})["latent_dim"] == 5
    assert BiGAN.network_kwargs("encoder", data, {})["out_features"] == 5
    assert ALI.network_kwargs("encoder", data, {})["out_features"] == 10
    for role in ("generator", "discriminator"):
        assert "out_features" not in BiGAN.network_kwargs(role, data, {})
    assert game(prior=Uniform()).sample(4).shape == (4, 2)
