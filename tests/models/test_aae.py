import torch
from torch.nn import functional as F

from lightning_gans import AAE, Uniform
from lightning_gans.batch import Batch
from lightning_gans.figures.points import discriminates_2d_points
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points, train


def aae(latent_dim=3, **kwargs):
    torch.manual_seed(0)
    generator, encoder = MLPGenerator(latent_dim, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), latent_dim)
    return AAE(generator, encoder, MLPDiscriminator((latent_dim,), (16,)), **kwargs)


def test_losses_follow_the_paper():
    model, batch = aae(), Batch(points(8))
    model._rng.seek(0, 0)
    z, codes = model.latent(batch), model.encoder(batch.image)
    expected = -F.logsigmoid(model.discriminator(z)).mean() - F.logsigmoid(-model.discriminator(codes)).mean()
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(batch), expected)
    torch.testing.assert_close(model.encoder_loss(batch), -F.logsigmoid(model.discriminator(codes)).mean())
    torch.testing.assert_close(model.autoencoder_loss(batch), (model.generator(codes) - batch.image).square().mean())


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
    model, batch = aae(prior=Uniform()), Batch(points(256))
    z, codes = model.real(batch).latent, model.fake(batch).latent
    assert z.shape == codes.shape == (256, 3)
    assert -1 <= float(z.min()) < -0.9
    assert 0.9 < float(z.max()) < 1
    assert torch.equal(codes, model.encoder(batch.image))
    assert [len(sample.tensors()) for sample in (model.real(batch), model.fake(batch))] == [1, 1]


def test_a_discriminator_of_latents_is_not_drawn_over_points():
    """Latents of size 2 look like points of the plane."""
    model = aae(latent_dim=2)
    batch = model.prepare(points(8))
    assert model.real(batch).latent.shape == (8, 2)
    assert not discriminates_2d_points(model.real(batch), batch)


def test_the_discriminator_is_told_that_it_sees_latents():
    data = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}
    assert AAE.network_kwargs("discriminator", data, {})["image_shape"] == (5,)
    assert AAE.network_kwargs("encoder", data, {}) == {"image_shape": (1, 8, 8), "out_features": 5}
    assert AAE.network_kwargs("generator", data, {}) == {"image_shape": (1, 8, 8), "latent_dim": 5}
    assert AAE.network_kwargs("discriminator", data | {"latent_dim": None}, {})["image_shape"] is None
