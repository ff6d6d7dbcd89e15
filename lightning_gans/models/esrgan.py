"""Enhanced super-resolution: relative realness, and a way back to content."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.engine import Player, adam
from lightning_gans.errors import ConfigError
from lightning_gans.models.super_resolution import CONTENT, SuperResolution, SuperResolutionOptimization
from lightning_gans.objectives import Objective, RelativisticAverage


class ESRGAN(SuperResolution):
    """ESRGAN: a large image is to look more real than those of the generator do on average, and these less.

        first   L_G = E[|x - G(y)|_1]
        then    L_D = -E[log s(D(x) - E D(G(y)))] - E[log(1 - s(D(G(y)) - E D(x)))]
                L_G = |phi(x) - phi(G(y))|_1 + lambda (-E[log(1 - s(D(x) - E D(G(y))))] - E[log s(D(G(y)) - E D(x))])
                      + eta |x - G(y)|_1

    Wang et al. 2018, arXiv:1809.00219, eq. 1 to 4, s being the sigmoid and E the mean over a batch; phi are maps before
    their nonlinearity, lambda = 5e-3, eta = 1e-2. What D says of real images teaches G too, by E D(G(y)). The authors'
    code halves both sums of the game: in L_D Adam hardly sees it, in L_G it halves lambda.

    The weights at the end of the first phase are kept: ``interpolate(alpha)`` goes (1 - alpha) of the way back to them
    (eq. 5), to where there are fewer inventions and less sharpness. The paper shows 0.8.

    Logged: ``reconstruction/pixels`` and ``reconstruction/features``, L1 per value.

    Args:
        args: As of ``SuperResolution``: ``RRDBNet`` and ``SRDiscriminator``.
        pixel_weight: eta.
        adversarial_weight: lambda.
        objective: What logits are for; ``RelativisticAverage`` when None.
        kwargs: As of ``SuperResolution``.
    """

    # Section 4.1: Adam with rate 2e-4 for content, 1e-4 in the game, beta_1 = 0.9.
    defaults = replace(SuperResolution.defaults, content=adam(2e-4, 0.9))

    def __init__(
        self,
        *args: Any,
        pixel_weight: float = 1e-2,
        adversarial_weight: float = 5e-3,
        objective: Objective | None = None,
        optimization: SuperResolutionOptimization = defaults,
        **kwargs: Any,
    ) -> None:
        kwargs |= {"pixel_weight": pixel_weight, "adversarial_weight": adversarial_weight}
        super().__init__(*args, objective=objective or RelativisticAverage(), optimization=optimization, **kwargs)
        self.content_generator = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)

    @staticmethod
    def distance(fake: Tensor, real: Tensor) -> Tensor:
        """|x - G(y)|_1."""
        return F.l1_loss(fake, real)

    def players(self) -> list[Player]:
        """As of ``SuperResolution``; the weights of the first phase are kept."""
        return [replace(p, project=self._keep) if p.name == CONTENT else p for p in super().players()]

    def _keep(self) -> None:
        state = self.generator.state_dict()
        for name, value in self.content_generator.state_dict().items():
            value.copy_(state[name])

    @torch.no_grad()
    def interpolate(self, alpha: float) -> None:
        """Take (1 - alpha) of the weights after the first phase and alpha of those reached, averages as well.

        For a model that is not trained further: what was reached is overwritten.

        Raises:
            ConfigError: alpha is no share, there was no phase of content, or no game after it yet.
        """
        if not 0 <= alpha <= 1:
            raise ConfigError("interpolation", alpha, "must be a share, 0 for the phase of content, 1 for the game")
        if not self._content_share:
            raise ConfigError("interpolation", alpha, "content_share is 0: there are no weights of a first phase")
        kept = self.content_generator.state_dict()
        if all(value.equal(kept[name]) for name, value in self.generator.state_dict().items()):
            raise ConfigError("interpolation", alpha, "the game has not begun; there is one set of weights")
        for network in (self.generator, *(self.ema.averages.values() if self.ema is not None else ())):
            for name, value in network.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(kept[name], 1 - alpha)
