"""Attention between all places of a map."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    r"""Each place of a map adds what it gathers from all others: x + gamma W_o sum_j beta_ij g_j.

        beta_ij = softmax_j(theta_i . phi_j),    theta, phi, g = W_theta x, W_phi x, W_g x

    Zhang et al. 2019, arXiv:1805.08318, eq. 1 to 3, as in the authors' code and in BigGAN's: g has half of the channels
    where the paper has an eighth, and phi and g are maxima over 2 x 2 places. gamma is learned and begins at 0: first
    comes what is near. Softmax is written out because gradient penalties need second derivatives, which torch's fused
    attention lacks.

    Args:
        channels: C of the maps (N, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        keys, values = max(1, channels // 8), max(1, channels // 2)
        self.theta = nn.Conv2d(channels, keys, 1, bias=False)
        self.phi = nn.Conv2d(channels, keys, 1, bias=False)
        self.g = nn.Conv2d(channels, values, 1, bias=False)
        self.out = nn.Conv2d(values, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same shape."""
        theta = self.theta(x).flatten(2)  # (N, K, H W)
        phi, g = (F.max_pool2d(each(x), 2).flatten(2) for each in (self.phi, self.g))  # (N, K or V, H W / 4)
        beta = torch.softmax(theta.mT @ phi, dim=2)  # (N, H W, H W / 4)
        gathered = (g @ beta.mT).unflatten(2, x.shape[2:])
        attended: Tensor = x + self.gamma * self.out(gathered)
        return attended
