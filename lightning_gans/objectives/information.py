"""Lower bounds of the mutual information between codes and what is made of them: pure functions, in nats.

I(c; G(z, c)) >= E[log Q(c | x)] + H(c), for any Q, with equality where Q is the posterior of c: Barber and Agakov 2003;
Chen et al. 2016, arXiv:1606.03657, eq. 4.
"""

import math

from torch import Tensor
from torch.nn import functional as F


def categorical_information(code: Tensor, logits: Tensor) -> Tensor:
    """E[log Q(c | x)] + log K for a code with K equally likely categories: a scalar, at most log K.

    Args:
        code: One-hot c, (N, K).
        logits: Of Q, (N, K).

    Example:
        >>> import torch
        >>> categorical_information(torch.eye(2), torch.zeros(2, 2))  # a Q that knows nothing
        tensor(0.)
    """
    count = code.shape[1]
    return (code * F.log_softmax(logits, dim=1)).sum(1).mean() + math.log(count)


def continuous_information(codes: Tensor, mean: Tensor, log_std: Tensor, width: float = 2.0) -> Tensor:
    """E[log Q(c | x)] + J log(width) for J codes uniform on an interval, Q normal with a diagonal covariance: a scalar.

    Q gives the logarithm of its standard deviation, so that it is positive (arXiv:1606.03657, appendix C).

    Args:
        codes: c, (N, J).
        mean: Of Q, (N, J).
        log_std: Of Q, (N, J).
        width: Of the interval that the codes are drawn from.

    Example:
        >>> import torch
        >>> c = torch.tensor([[-1.0], [1.0]]) / math.sqrt(3)  # all that Q knows are mean and variance
        >>> continuous_information(c, torch.zeros_like(c), torch.full_like(c, -math.log(3) / 2))
        tensor(-0.1765)
    """
    z = (codes - mean) * (-log_std).exp()
    log_likelihood = -z.square() / 2 - log_std - math.log(2 * math.pi) / 2  # (N, J)
    return log_likelihood.sum(1).mean() + codes.shape[1] * math.log(width)
