"""Lower bounds of the mutual information between codes and what is made of them: pure functions, in nats.

I(c; G(z, c)) >= E[log Q(c | x)] + H(c), for any Q, with equality where Q is the posterior of c: Barber and Agakov 2003;
Chen et al. 2016, arXiv:1606.03657, eq. 4.
"""

import math

import torch
from torch import Tensor


def categorical_information(code: Tensor, logits: Tensor) -> Tensor:
    """E[log Q(c | x)] + log K for one-hot codes (N, K) with K equally likely categories: a scalar, at most log K.

    Example:
        >>> categorical_information(torch.eye(2), torch.zeros(2, 2))  # a Q that knows nothing
        tensor(0.)
    """
    return (code * torch.log_softmax(logits, dim=1)).sum(1).mean() + math.log(code.shape[1])


def continuous_information(codes: Tensor, mean: Tensor, log_std: Tensor, width: float = 2.0) -> Tensor:
    """E[log Q(c | x)] + J log(width) for J codes uniform on an interval, Q normal with a diagonal covariance: a scalar.

    Codes, mean and log_std are (N, J); Q gives the logarithm of its standard deviation, so that it is positive
    (arXiv:1606.03657, appendix C).

    Example:
        >>> c = torch.tensor([[-1.0], [1.0]]) / math.sqrt(3)  # all that Q knows are mean and variance
        >>> continuous_information(c, torch.zeros_like(c), torch.full_like(c, -math.log(3) / 2))
        tensor(-0.1765)
    """
    z = (codes - mean) * (-log_std).exp()
    log_likelihood = -z.square() / 2 - log_std - math.log(2 * math.pi) / 2  # (N, J)
    return log_likelihood.sum(1).mean() + codes.shape[1] * math.log(width)
