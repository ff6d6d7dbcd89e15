"""Spectral normalization, as a wrapper of layers."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

_FIRST_ITERATIONS = 15  # before the first forward pass, so that training does not begin with a wrong norm


class SpectralNorm(nn.Module):
    r"""A layer whose weight is divided by its largest singular value: W / sigma(W), so the layer is 1-Lipschitz in W.

    Miyato et al. 2018, arXiv:1802.05957, eq. 8 and algorithm 1: one power iteration in each forward pass of training,
    none in eval mode. A convolution's weight (out, in, h, w) counts as a matrix (out, in h w). torch's own
    parametrization does the same, but makes a class for each module, which no process can send to another.

    Args:
        layer: A layer with a ``weight`` whose first axis is its output: linear, convolution, embedding.

    Example:
        >>> layer = SpectralNorm(nn.Linear(3, 3, bias=False))
        >>> out = layer(torch.eye(3))
        >>> bool(torch.linalg.svdvals(out)[0] < 1.01)
        True
    """

    u: Tensor

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        matrix = _matrix(layer)
        self.register_buffer("u", F.normalize(torch.randn(len(matrix), device=matrix.device), dim=0))
        for _ in range(_FIRST_ITERATIONS):
            self._iterate(matrix)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the layer makes of its input with the normalized weight."""
        matrix = _matrix(self.layer)
        with torch.autocast(matrix.device.type, enabled=False):  # half precision would miss the norm by half a percent
            if self.training:
                self._iterate(matrix)
            with torch.no_grad():
                u = self.u.clone()  # the buffer changes in the next pass, while this one's graph still needs it
                v = F.normalize(matrix.T @ u, dim=0)
            sigma = u @ matrix @ v
        normalized = (matrix / sigma).view_as(_weight(self.layer))
        output: Tensor = functional_call(self.layer, {"weight": normalized}, inputs)
        return output

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        """One power iteration: u <- W W' u, normalized."""
        self.u.copy_(F.normalize(matrix @ F.normalize(matrix.T @ self.u, dim=0), dim=0))


def spectrally_normalized(module: nn.Module) -> nn.Module:
    """Wrap every linear, 2-D convolutional and embedding layer of a module, in place; returns the module.

    To be called on initialized weights; layers that are wrapped already stay as they are.

    Example:
        >>> spectrally_normalized(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))[0].layer
        Linear(in_features=2, out_features=3, bias=True)
    """
    if isinstance(module, SpectralNorm):
        return module
    if isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding):
        return SpectralNorm(module)
    for name, child in module.named_children():
        setattr(module, name, spectrally_normalized(child))
    return module


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def _matrix(layer: nn.Module) -> Tensor:
    return _weight(layer).flatten(1)
