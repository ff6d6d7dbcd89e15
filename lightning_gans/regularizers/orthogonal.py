"""How far a network's layers are from orthogonal ones."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


def orthogonal_penalty(network: nn.Module) -> Tensor:
    """sum_W |W W^T o (1 - I)|_F^2 over linear and convolutional layers: a scalar.

    Brock et al. 2019, arXiv:1809.11096, eq. 3: filters, the rows of W (out, in h w), are to be orthogonal, of whatever
    length. Embeddings are left out, as in the authors' code.

    Example:
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> layer.weight.data = torch.tensor([[3.0, 0.0], [1.0, 2.0]])  # rows whose product is 3, twice in W W^T
        >>> orthogonal_penalty(layer).detach()
        tensor(18.)
    """
    terms = []
    for weight in _weights(network):
        with torch.autocast(weight.device.type, enabled=False):
            gram = weight @ weight.T
            terms.append((gram - gram.diagonal().diag()).square().sum())
    return torch.stack(terms).sum()


def _weights(network: nn.Module) -> Iterator[Tensor]:
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            yield module.weight.flatten(1)
