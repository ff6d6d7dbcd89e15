import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from lightning_gans import VAE, ConfigError, Uniform
from lightning_gans.batch import Batch
from lightning_gans.engine import Normal as NormalPrior
from lightning_gans.networks import MLPEncoder, MLPGenerator
from tests.games import train


def vae(**kwargs):
    torch.manual_seed(0)
    return VAE(MLPGenerator(3, (2,), (16,), tanh_output=False), MLPEncoder((2,), (16,), out_features=6), **kwargs)


class LinearEncoder(nn.Module):
    """N(A (x - offset), diag(variances)): the family in which a linear model's posterior lies."""

    def __init__(self, weight, offset, variances):
        super().__init__()
        self.weight, self.offset = nn.Parameter(weight), offset
        self.log_variances = nn.Parameter(variances.log())

    def forward(self, x):
        mean = (x - self.offset) @ self.weight.T
        return torch.cat([mean, self.log_variances.expand_as(mean)], dim=1)


def linear_model(variance=0.3):
    """x = W z + b + noise, columns of W orthogonal: p(x) and p(z | x) are known, and the latter is diagonal."""
    directions, _ = torch.linalg.qr(torch.randn(5, 2, generator=torch.Generator().manual_seed(0)).double())
    weight = directions * torch.tensor([1.5, 0.7], dtype=torch.float64)
    offset = torch.linspace(-1, 1, 5, dtype=torch.float64)
    generator = nn.Linear(2, 5).double()
    generator.weight.data, generator.bias.data = weight, offset
    precision = weight.T @ weight + variance * torch.eye(2)  # times the variance
    encoder = LinearEncoder(precision.inverse() @ weight.T, offset, variance / precision.diagonal())
    evidence = MultivariateNormal(offset, weight @ weight.T + variance * torch.eye(5))
    return VAE(generator, encoder, latent_dim=2, decoder_variance=variance).double(), evidence


def test_the_bound_is_the_likelihood_where_the_posterior_is_exact_and_below_it_by_the_divergence_elsewhere():
    model, evidence = linear_model()
    one = evidence.sample((1,))
    x = one.repeat(200_000, 1)  # averages over the noise
    with torch.no_grad():
        assert float(-model.autoencoder_loss(Batch(x))) == pytest.approx(float(evidence.log_prob(one)), abs=0.01)
        exact = posterior_of(model, one)
        model.encoder.weight += 0.4
        model.encoder.log_variances -= 0.5
        gap = kl_divergence(posterior_of(model, one), exact)
        expected = float(evidence.log_prob(one) - gap)
        assert float(gap) > 0.1
        assert float(-model.autoencoder_loss(Batch(x))) == pytest.approx(expected, abs=0.02)


def posterior_of(model, x):
    mean, log_variance = model.posterior(Batch(x))
    return Independent(Normal(mean, (log_variance / 2).exp()), 1)


@pytest.mark.slow
def test_training_finds_the_likelihood_of_a_linear_model():
    """The best linear autoencoder reaches the evidence of the data's own distribution; its ELBO stays below it."""
    _, evidence = linear_model()
    torch.manual_seed(1)
    data = evidence.sample((4096,)).float()
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.02}}
    learning = {"autoencoder": adam, "ema_decay": 0.98}
    encoder = LinearEncoder(torch.zeros(2, 5), torch.linspace(-1, 1, 5), torch.ones(2))
    model = VAE(nn.Linear(2, 5), encoder, latent_dim=2, decoder_variance=0.3, optimization=learning)
    model.image_range = None
    train(model, 200, data=data, batch_size=256)
    model.encoder, model.generator = model.ema["encoder"], model.ema["generator"]
    with torch.no_grad():
        bound = sum(float(-model.autoencoder_loss(Batch(data))) for _ in range(20)) / 20
    assert float(evidence.log_prob(data.double()).mean()) - 0.06 < bound
    assert bound < float(evidence.log_prob(data.double()).mean()) + 0.01


def test_the_bound_is_logged_in_its_parts():
    model = vae(beta=4.0)
    logged = train(model, 5).callback_metrics
    assert float(logged["elbo"]) == pytest.approx(float(logged["elbo/reconstruction"] - logged["elbo/kl"]), rel=1e-5)
    expected = -logged["elbo/reconstruction"] + 4 * logged["elbo/kl"]
    assert float(logged["loss/autoencoder"]) == pytest.approx(float(expected), rel=1e-5)


def test_noise_follows_the_encoders_variance():
    model = vae()
    mean, log_variance = torch.zeros(20_000, 3), torch.full((20_000, 3), math.log(4.0))
    assert float(model.reparameterize(mean, log_variance).std()) == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": Uniform()}, "prior='Uniform'"),
        ({"prior": NormalPrior(bound=1.0)}, "prior='Normal'"),
    ],
)
def test_another_prior_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        vae(**settings)


def test_an_encoder_without_variances_is_refused():
    model = VAE(MLPGenerator(3, (2,), (16,)), MLPEncoder((2,), (16,), out_features=3))
    with pytest.raises(ConfigError, match="encoder='3 outputs': give it 6"):
        train(model, 1)
