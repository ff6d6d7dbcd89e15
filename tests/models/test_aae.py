import pytest
import torch
from torch.nn import functional as F

from lightning_gans import AAE, Uniform
from lightning_gans.figures.points import discriminates_2d_points
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import SGD, points, same, state, train

STILL = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.0}}
OWNED = {"autoencoder": {"encoder", "generator"}, "discriminator": {"discriminator"}, "encoder": {"encoder"}}


def aae(latent_dim=3, **kwargs):
    torch.manual_seed(0)
    generator, encoder = MLPGenerator(latent_dim, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), latent_dim)
    return AAE(generator, encoder, MLPDiscriminator((latent_dim,), (16,)), **kwargs)


def test_losses_follow_the_paper():
    model, x = aae(), points(8)
    model._randomness.seek(0, 0)
    z, codes = model.latent(x), model.encoder(x)
    expected = -F.logsigmoid(model.discriminator(z)).mean() - F.logsigmoid(-model.discriminator(codes)).mean()
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(x), expected)
    torch.testing.assert_close(model.generator_loss(x), -F.logsigmoid(model.discriminator(codes)).mean())
    torch.testing.assert_close(model.autoencoder_loss(x), (model.generator(codes) - x).square().mean())


@pytest.mark.parametrize("mover", OWNED)
def test_a_move_changes_only_what_the_player_owns(mover):
    model = aae(**{f"{name}_optimizer": SGD if name == mover else STILL for name in OWNED})
    modules = ("encoder", "generator", "discriminator")
    before = {name: state(getattr(model, name)) for name in modules}
    train(model, 2)
    assert {name for name in modules if not same(before[name], state(getattr(model, name)))} == OWNED[mover]


def test_the_encoder_has_two_owners_each_with_an_optimizer_of_its_own():
    model = aae()
    players = {player.name: player for player in model.players()}
    assert list(players) == ["autoencoder", "discriminator", "encoder"]
    assert players["autoencoder"].modules == [model.encoder, model.generator]
    assert players["encoder"].modules == [model.encoder]
    assert players["encoder"].optimizer != players["autoencoder"].optimizer
    logged = train(model, 5).callback_metrics
    assert {"loss/autoencoder", "loss/discriminator", "loss/encoder", "accuracy/discriminator"} <= logged.keys()


def test_the_discriminator_sees_draws_from_any_prior_beside_codes():
    model, x = aae(prior=Uniform()), points(256)
    (z,), (codes,) = model.real(x), model.fake(x)
    assert z.shape == codes.shape == (256, 3)
    assert -1 <= float(z.min()) < -0.9
    assert 0.9 < float(z.max()) < 1
    assert torch.equal(codes, model.encoder(x))
    assert torch.equal(model.fake(x, z)[0], model.encoder(model.generator(z)))


def test_a_discriminator_of_latents_is_not_drawn_over_points():
    """Latents of size 2 look like points of the plane."""
    model = aae(latent_dim=2)
    batch = model.prepare(points(8))
    assert model.real(batch).latent.shape == (8, 2)
    assert not discriminates_2d_points(model.real(batch), batch)


def test_facts():
    known = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}
    assert AAE.facts("discriminator", known, {})["image_shape"] == (5,)
    assert AAE.facts("encoder", known, {}) == {**known, "out_features": 5}
    assert AAE.facts("generator", known, {}) == known
    assert AAE.facts("discriminator", known | {"latent_dim": None}, {})["image_shape"] is None
