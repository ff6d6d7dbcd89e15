"""The parts of the evidence lower bound: pure functions, in nats, one value a sample."""

import math

import torch
from torch import Tensor


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag(variance)) || N(0, I)) = 1/2 sum_j (mean_j^2 + variance_j - log variance_j - 1).

    Kingma and Welling 2014, arXiv:1312.6114, appendix B. (N,), 0 or more, of means and log variances (N, Z).

    Example:
        >>> gaussian_kl(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.zeros(2, 2))
        tensor([ 0.0000, 12.5000])
    """
    return gaussian_kl_per_latent(mean, log_variance).flatten(1).sum(1)


def gaussian_kl_per_latent(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The terms of ``gaussian_kl``, (N, Z): how much each latent says of each sample.

    Example:
        >>> gaussian_kl_per_latent(torch.tensor([[0.0, 4.0]]), torch.zeros(1, 2))
        tensor([[0., 8.]])
    """
    return (mean.square() + log_variance.exp() - log_variance - 1) / 2


def active_units(mean: Tensor, threshold: float = 0.01) -> Tensor:
    """Whether each latent says something of the data: Var_x(E[z_j | x]) > threshold; bool (Z,), of means (N, Z).

    Burda et al. 2016, arXiv:1509.00519, section 5.2.

    Example:
        >>> active_units(torch.tensor([[1.0, 0.3], [-1.0, 0.3]]))
        tensor([ True, False])
    """
    return mean.flatten(1).var(0, correction=0) > threshold


def reparametrize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Mean + standard deviation * noise: a draw through which gradients reach the distribution's parameters.

    Kingma and Welling 2014, arXiv:1312.6114, section 2.4; all (N, Z), the noise standard normal.

    Example:
        >>> reparametrize(torch.tensor([[1.0]]), torch.tensor([[4.0]]).log(), torch.tensor([[-0.5]]))
        tensor([[0.]])
    """
    return mean + torch.exp(log_variance / 2) * noise


def gaussian_nll(x: Tensor, mean: Tensor, variance: float | Tensor = 1.0) -> Tensor:
    """-log N(x; mean, variance I) = sum_i (x_i - mean_i)^2 / (2 variance) + D/2 log(2 pi variance).

    (N,), of samples x and means (N, ...) of D numbers each, and one variance.

    Example:
        >>> gaussian_nll(torch.tensor([[1.0, 1.0]]), torch.zeros(1, 2), variance=1 / (2 * math.pi))
        tensor([6.2832])
    """
    squared = (x - mean).square().flatten(1)  # (N, D)
    log_variance = variance.log() if isinstance(variance, Tensor) else math.log(variance)
    return squared.sum(1) / (2 * variance) + squared.shape[1] / 2 * (math.log(2 * math.pi) + log_variance)


def bernoulli_nll(x: Tensor, probability: Tensor) -> Tensor:
    """-sum_i x_i log q_i + (1 - x_i) log(1 - q_i) of values x and probabilities q (N, ...), both in [0, 1]; (N,).

    Kingma and Welling 2014, arXiv:1312.6114, appendix C.1. Where x is a probability itself, the mean of -log q(b) over
    what b is drawn with it: no density of x, whose normalization Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845,
    give. Probabilities are drawn together by 1e-6, so that none is 0.

    Example:
        >>> bernoulli_nll(torch.tensor([[1.0, 0.0, 0.5]]), torch.tensor([[0.5, 0.5, 0.5]]))  # 3 log 2
        tensor([2.0794])
    """
    wide = torch.promote_types(probability.dtype, torch.float32)  # half precision has nothing between 1 - 1e-6 and 1
    q = 1e-6 + (1 - 2e-6) * probability.to(wide)
    return -(x * q.log() + (1 - x) * (-q).log1p()).flatten(1).sum(1)
