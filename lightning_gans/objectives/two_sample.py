"""The two-sample statistic of a kernel as an objective: differentiable in both samples."""

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.kernels import Kernel


def witness(kernel: Kernel, points: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """w(t) = E_x[k(t, x)] - E_y[k(t, y)], (L,) at points t (L, D), from real samples x (N, D) and fake ones y (M, D).

    The function whose means differ most between the two samples: Gretton et al. 2012, JMLR 13, section 2.3; large where
    there are more real samples than fake ones.
    """
    with torch.autocast(points.device.type, enabled=False):  # inner products in half precision have no distances left
        return kernel(points, real).mean(1) - kernel(points, fake).mean(1)


def witness_of_samples(kernel: Kernel, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The witness at the samples themselves, (N, D) and (M, D), each left out of its own mean: (N,) and (M,).

    The difference of their means is the unbiased estimate of the squared maximum mean discrepancy:

        1/(N(N-1)) sum_{i != j} k(x_i, x_j) + 1/(M(M-1)) sum_{i != j} k(y_i, y_j) - 2/(NM) sum_{i,j} k(x_i, y_j)

    Gretton et al. 2012, JMLR 13, eq. 3; Binkowski et al. 2018, arXiv:1801.01401, eq. 2.

    Raises:
        ConfigError: One sample alone has no pairs.

    Example:
        >>> from lightning_gans.objectives.kernels import LinearKernel
        >>> x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [5.0]])
        >>> real, fake = witness_of_samples(LinearKernel(), x, y)
        >>> real.mean() - fake.mean()  # 0 + 25 - 2 * 5
        tensor(15.)
    """
    for name, samples in (("real", real), ("fake", fake)):
        if len(samples) < 2:
            raise ConfigError("batch_size", len(samples), f"{name} samples are compared in pairs: 2 or more are needed")
    with torch.autocast(real.device.type, enabled=False):
        across = kernel(real, fake)  # (N, M)
        return _without_self(kernel(real, real)) - across.mean(1), across.mean(0) - _without_self(kernel(fake, fake))


def _without_self(matrix: Tensor) -> Tensor:
    """Row means of a kernel matrix (N, N) without its diagonal, (N,)."""
    return (matrix.sum(1) - matrix.diagonal()) / (len(matrix) - 1)
