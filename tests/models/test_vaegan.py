import math

import pytest
import torch
from torch import nn
from torch.nn.functional import logsigmoid

from lightning_gans import VAEGAN, ConfigError, Uniform
from lightning_gans.batch import Batch
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points, train


def vaegan(**kwargs):
    torch.manual_seed(0)
    generator, encoder = MLPGenerator(3, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), out_features=6)
    return VAEGAN(generator, encoder, MLPDiscriminator((2,), (16,)), **kwargs)


def test_losses_follow_algorithm_1():
    """Against its lines written by hand, on the same noise."""
    model, x = vaegan(gamma=0.3), points(8)
    features, d = model.discriminator.features, model.discriminator

    def rewound():
        model._rng.seek(0, 0)
        return model

    mean, log_variance = model.encoder(x).chunk(2, 1)
    rewound()
    rebuilt = model.generator(mean + log_variance.exp().sqrt() * model.rand(torch.randn, 8, 3))
    made = model.generator(model.latent(Batch(x)))
    kl = (0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)).sum(1).mean()
    density = torch.distributions.Normal(features(rebuilt), 1.0)
    like = -(density.log_prob(features(x)) + 0.5 * math.log(2 * math.pi)).sum(1).mean()
    real_term, rebuilt_term, made_term = logsigmoid(d(x)), d(rebuilt), d(made)
    expected = {
        "encoder": kl + like,
        "generator": 0.3 * like - logsigmoid(rebuilt_term).mean() - logsigmoid(made_term).mean(),
        "discriminator": -real_term.mean() - logsigmoid(-rebuilt_term).mean() - logsigmoid(-made_term).mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(getattr(rewound(), f"{name}_loss")(Batch(x)), value, rtol=1e-5, atol=1e-6)


def test_players_and_gradients():
    """Each player's optimizer holds its module alone, and the others get no gradient from its loss."""
    model = vaegan()
    assert [(p.name, p.modules) for p in model.players()] == [
        (name, [getattr(model, name)]) for name in ("discriminator", "encoder", "generator")
    ]
    logged = train(model, 5).callback_metrics
    assert float(logged["loss/encoder"]) == pytest.approx(float(logged["kl"] + logged["reconstruction/features"]))
    assert all(p.grad is None for p in model.parameters())


def test_gamma_of_0_leaves_a_gan_and_gamma_counts_likeness():
    model, losses = vaegan(gamma=0.0), []
    for model.gamma in (0.0, 1.0, 2.0):
        model._rng.seek(0, 0)
        losses.append(float(model.generator_loss(Batch(points(8))).detach()))
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-5)
    assert losses[1] > losses[0]


def test_another_prior_is_refused():
    with pytest.raises(ConfigError, match="prior='Uniform'"):
        vaegan(prior=Uniform())


def test_a_discriminator_without_features_is_refused():
    model = vaegan()
    with pytest.raises(ConfigError, match=r"discriminator='Linear': give it a method features"):
        VAEGAN(model.generator, model.encoder, nn.Linear(2, 1))
