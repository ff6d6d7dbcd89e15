"""Likelihoods of a VAE's decoder: densities against torch's, and the bound against numerical integration."""

import math

import pytest
import torch
from torch import nn

from lightning_gans import VAE, ConditionalVAE, ConfigError
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import MLPEncoder, MLPGenerator
from lightning_gans.objectives import Bernoulli, LearnedVariance, bernoulli_nll
from tests.games import train

GRID = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
STEP = float(GRID[1] - GRID[0])
PRIOR = torch.distributions.Normal(0.0, 1.0)


def toy(likelihood, latent_dim=1):
    """A decoder of one latent and of three pixels, and an encoder that is far from the posterior."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(latent_dim, 3), nn.Tanh())
    return VAE(generator, nn.Linear(3, 2 * latent_dim), latent_dim=latent_dim, likelihood=likelihood).double()


def log_joint(model, image, grid):
    made = model.generator(grid)
    return -model.nll(image.expand_as(made), made) + PRIOR.log_prob(grid).sum(1)


@pytest.mark.parametrize("likelihood", [Bernoulli(), LearnedVariance(0.3)], ids=["Bernoulli", "LearnedVariance"])
def test_the_bound_is_the_likelihood_less_the_divergence_by_integration(likelihood):
    model, image = toy(likelihood), torch.tensor([[1.0, -1.0, 1.0]], dtype=torch.float64)
    with torch.no_grad():
        joint = log_joint(model, image, GRID)
        evidence = (joint.exp().sum() * STEP).log()
        mean, log_variance = model.posterior(Batch(image))
        log_q = torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(GRID)[:, 0]
        gap = ((log_q - (joint - evidence)) * log_q.exp()).sum() * STEP
        bound = -model.autoencoder_loss(Batch(image.expand(200_000, 3)))
    assert float(gap) > 0.02
    assert float(bound) == pytest.approx(float(evidence - gap), abs=0.01)


def test_probabilities_of_all_binary_images_are_one():
    images = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    mean = torch.tensor([[0.3, -0.9, 0.0]]).expand(8, 3)
    assert float((-Bernoulli()(images, mean)).exp().sum()) == pytest.approx(1)


def test_of_a_gray_image_it_is_the_mean_over_binary_ones_and_least_at_the_image():
    x, q = torch.rand(1, 4, dtype=torch.float64), torch.rand(1, 4, dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy(q, x, reduction="sum")
    torch.testing.assert_close(bernoulli_nll(x, q)[0], expected, rtol=1e-5, atol=1e-5)
    assert float(bernoulli_nll(x, x)) < float(bernoulli_nll(x, q))


def test_certainty_costs_no_infinity():
    for dtype in (torch.float32, torch.bfloat16):
        mean = torch.tensor([[1.0, -1.0]], dtype=dtype, requires_grad=True)
        nll = Bernoulli()(torch.tensor([[-1.0, 1.0]], dtype=dtype), mean)
        nll.sum().backward()
        assert float(nll.detach()) == pytest.approx(-2 * math.log(1e-6), rel=0.02)
        assert (mean.grad * mean.detach()).min() > 1e5, "the slope does not end where the mean is wrong"


def test_the_best_variance_is_the_mean_squared_error():
    likelihood, x, mean = LearnedVariance(), torch.randn(64, 5), torch.zeros(64, 5)
    search = torch.optim.LBFGS(likelihood.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        loss = likelihood(x, mean).mean()
        loss.backward()
        return loss

    search.step(closure)
    assert float(likelihood.logged()["decoder_variance"].detach()) == pytest.approx(float(x.square().mean()), rel=1e-4)


def test_the_variance_is_learned_with_the_networks():
    spec = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01}}
    networks = MLPGenerator(3, (2,), (8,), tanh_output=False, num_classes=2), MLPEncoder((2,), (8,), 6, num_classes=2)
    model = ConditionalVAE(*networks, num_classes=2, likelihood=LearnedVariance(), optimization={"autoencoder": spec})
    x, labels = torch.randn(64, 2), torch.arange(64) % 2
    model._rng.seek(0, 0)
    model.autoencoder_loss(Batch(x, Condition(label=labels))).backward()
    assert any(each is model.likelihood.log_variance for each in model.players()[0].parameters())
    assert float(model.likelihood.log_variance.grad.abs()) > 0
    assert "likelihood.log_variance" in model.state_dict()


def test_logged_and_refused():
    def vae(tanh=True, **how):
        return VAE(MLPGenerator(3, (2,), (8,), tanh_output=tanh), MLPEncoder((2,), (8,), 6), **how)

    logged = train(vae(likelihood=LearnedVariance(0.2)), 5).callback_metrics
    assert float(logged["decoder_variance"]) == pytest.approx(0.2, rel=0.05)
    assert "decoder_variance" not in train(vae(), 5).callback_metrics
    with pytest.raises(
        ConfigError, match=r"^likelihood='Bernoulli': is of values in \[-1, 1\], and there are some of "
    ):
        train(vae(likelihood=Bernoulli()), 1)
    with pytest.raises(ConfigError, match=r"^likelihood='Bernoulli': "):
        train(vae(tanh=False, likelihood=Bernoulli()), 1)
    with pytest.raises(ConfigError, match=r"^start=0: must be positive"):
        LearnedVariance(0)
    with pytest.raises(ConfigError, match=r"^decoder_variance=0\.1: means nothing beside likelihood Bernoulli"):
        vae(decoder_variance=0.1, likelihood=Bernoulli())
