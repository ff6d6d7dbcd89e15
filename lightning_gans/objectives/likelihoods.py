"""What an image is thought to be around what a decoder makes of its latent: p(x | z), as objects to choose among."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.variational import bernoulli_nll, gaussian_nll


class Likelihood(nn.Module, ABC):
    """A distribution of images whose mean a decoder makes; parameters of its own are the autoencoder's too."""

    @abstractmethod
    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        """-log p(x | z), in nats, (N,), of images x and means (N, ...) in [-1, 1]."""

    def logged(self) -> dict[str, Tensor]:
        """Numbers that are worth logging, by their names."""
        return {}


class LearnedVariance(Likelihood):
    """Normal, around the mean, with one variance for all pixels, which is learned with the networks.

        p(x | z) = N(G(z), variance I)

    Rybkin et al. 2021, arXiv:2006.13202 (sigma-VAE): the best variance is the mean squared error of the pixels, and
    reconstruction and KL find their balance without a setting. Logged as ``decoder_variance``.

    Args:
        start: The variance at first, in squared units of the data.

    Raises:
        ConfigError: The variance is not positive.
    """

    def __init__(self, start: float = 0.1) -> None:
        super().__init__()
        if not start > 0:
            raise ConfigError("start", start, "must be positive: the pixels' variance around what is generated")
        self.log_variance = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        """-log N(x; mean, variance I)."""
        return gaussian_nll(x, mean, self.log_variance.exp())

    def logged(self) -> dict[str, Tensor]:
        """The variance."""
        return {"decoder_variance": self.log_variance.exp()}


class Bernoulli(Likelihood):
    """Each pixel is black or white, and what the decoder makes is how likely white is: (1 + G(z)) / 2.

    Kingma and Welling 2014, arXiv:1312.6114, appendix C.1, for MNIST. Of a gray pixel it is the mean over images that
    are black or white with that probability, see ``bernoulli_nll``. A decoder for it ends in tanh.

    Raises:
        ConfigError: In training: data or means beyond [-1, 1], as points are.
    """

    def __init__(self) -> None:
        super().__init__()
        self._checked = False

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        """-log p of probabilities (1 + mean) / 2."""
        if not self._checked:  # once: to look waits for the device
            largest = float(torch.maximum(x.abs().max(), mean.detach().abs().max()))
            if not largest <= 1:
                hint = f"is of values in [-1, 1], and there are some of {largest:.3g}; leave it out"
                raise ConfigError("likelihood", type(self).__name__, hint)
            self._checked = True
        return bernoulli_nll((x + 1) / 2, (mean + 1) / 2)
