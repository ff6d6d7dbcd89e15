import torch
from torch.distributions import Independent, Normal, kl_divergence

from lightning_gans.objectives import gaussian_kl, gaussian_nll, reparametrize


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kl_is_the_closed_form():
    mean, log_variance = drawn(6, 3), 2 * drawn(6, 3, seed=1)
    posterior, prior = Normal(mean, (log_variance / 2).exp()), Normal(torch.zeros_like(mean), 1.0)
    expected = kl_divergence(Independent(posterior, 1), Independent(prior, 1))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_nll_is_the_density():
    x, mean = drawn(5, 1, 4, 4), drawn(5, 1, 4, 4, seed=1)
    expected = -Independent(Normal(mean, 0.3**0.5), 3).log_prob(x)
    torch.testing.assert_close(gaussian_nll(x, mean, 0.3), expected)


def test_draws_have_the_moments_and_let_gradients_through():
    mean = torch.tensor([[1.0, -2.0]], dtype=torch.float64, requires_grad=True)
    log_variance = torch.tensor([[0.5, -3.0]], dtype=torch.float64, requires_grad=True)
    noise = drawn(40_000, 2)
    z = reparametrize(mean, log_variance, noise)
    torch.testing.assert_close(z.mean(0), mean[0], atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0), log_variance[0].exp(), atol=0, rtol=0.02)
    to_mean, to_log_variance = torch.autograd.grad(z.sum(), (mean, log_variance))
    torch.testing.assert_close(to_mean, torch.full((1, 2), 40_000.0, dtype=torch.float64))
    torch.testing.assert_close(to_log_variance, (noise.sum(0) * (log_variance[0] / 2).exp() / 2)[None])
