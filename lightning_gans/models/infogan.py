"""InfoGAN."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.engine import GAN
from lightning_gans.engine.randomness import Codes, indexed_draw, mix
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import (
    categorical_information,
    continuous_information,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
)

_PANEL_COLUMNS = 8


class InfoGAN(GAN):
    """GAN whose samples tell the codes that they were made of: some latents come to mean something, without labels.

        min_{G,Q} max_D  V(D, G) - lambda L_I(G, Q),    L_I = E_{c, x ~ G(z, c)}[log Q(c | x)] + H(c)  <=  I(c; G(z, c))

    Chen et al. 2016, arXiv:1606.03657, eq. 5 and 6. Q shares all layers of D but the last (section 4): one network
    with 1 logit, the categories of each categorical code, and the mean of each continuous one, for which Q is normal.
    So D's player owns Q, as in the authors' code: it descends L_D - lambda L_I, the generator's player L_G - lambda
    L_I, and L_I counts for what each owns.

    Args:
        generator: From latents (noise, one-hot codes, continuous codes), (N, Z), to images (N, C, H, W) or points.
        discriminator: From images to (N, 1 + K) outputs, D's logit first and Q's K parameters after it.
        categories: Number of categories of each categorical code.
        continuous: Number of continuous codes, uniform on [-1, 1].
        categorical_weight: lambda of the categorical codes.
        continuous_weight: lambda of the continuous ones.
        deviation: Standard deviation of Q for continuous codes, 1 as in the authors' code for MNIST; None for one that
            Q gives too, as the logarithm, after the means (appendix C). A density that may sharpen has no upper bound:
            then lambda wants to be small (section 4).
        kwargs: As of ``GAN``; ``latent_dim`` counts the codes too, and ``prior`` is the distribution of the noise.

    Raises:
        ConfigError: A setting is out of its range, or there is no code, or no room for the codes.
    """

    sample_wise = False  # the codes of all samples count, whatever a trick does to their logits
    prior: Codes

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        categories: Sequence[int] = (10,),
        continuous: int = 2,
        categorical_weight: float = 1.0,
        continuous_weight: float = 1.0,
        deviation: float | None = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, **kwargs)
        if min(categorical_weight, continuous_weight) < 0:
            raise ConfigError("weights", (categorical_weight, continuous_weight), "must be 0 or more")
        if deviation is not None and deviation <= 0:
            raise ConfigError("deviation", deviation, "must be positive, or null for one that Q gives")
        self.categorical_weight, self.continuous_weight = categorical_weight, continuous_weight
        self.deviation = deviation
        self.prior = Codes(categories, continuous, noise=self.prior)
        if not self.prior.sizes(self.latent_dim)[1:] != [0]:
            raise ConfigError("categories", [], "without any code this is GAN; give categories or continuous codes")

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator has an output for itself, and those of Q."""
        found = super().facts(role, facts, settings)
        outputs = 1 + sum(_parameters(*(settings[name] for name in ("categories", "continuous", "deviation"))))
        return found | {"outputs": outputs} if role == "discriminator" else found

    def judge(self, *inputs: Tensor) -> Tensor:
        """The discriminator's logit, (N, 1)."""
        return self.logit_and_codes(*inputs)[0]

    def logit_and_codes(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's logit (N, 1), and the parameters of Q(c | x), (N, K)."""
        outputs, wanted = self.outputs(*inputs), 1 + sum(self._sizes())
        if outputs.shape[1:] != (wanted,):
            given = tuple(outputs.shape[1:])
            raise ConfigError("discriminator", f"outputs {given}", f"its codes ask for {wanted}: 1 and those of Q")
        return outputs[:, :1], outputs[:, 1:]

    def information(self, z: Tensor, parameters: Tensor) -> Tensor:
        """Lambda L_I, a scalar; noted as ``information/categorical`` and ``information/continuous``, in nats.

        Args:
            z: What the samples were made of, (N, Z).
            parameters: Of Q(c | x) for these samples, (N, K).
        """
        _, *codes, continuous = self.prior.parts(z)
        *logits, mean, given = parameters.split(self._sizes(), dim=1)
        log_deviation = given if self.deviation is None else torch.full_like(mean, math.log(self.deviation))
        bounds = [categorical_information(*pair) for pair in zip(codes, logits, strict=True)]
        categorical = torch.stack([parameters.new_zeros(()), *bounds]).sum()
        density = continuous_information(continuous, mean, log_deviation)
        self.note("information/categorical", categorical)
        self.note("information/continuous", density)
        return self.categorical_weight * categorical + self.continuous_weight * density

    def _sizes(self) -> list[int]:
        return _parameters(self.prior.categories, self.prior.continuous, self.deviation)

    def discriminator_loss(self, batch: Any) -> Tensor:
        """L_D - lambda L_I(Q)."""
        z = self.latent(batch)
        real, fake = self.real(batch), self.fake(batch, z)
        fake_logits, parameters = self.logit_and_codes(*fake)
        loss = minimax_discriminator_loss(*self.weighed(real, fake, self.judge(*real), fake_logits))
        return loss - self.information(z, parameters)

    def generator_loss(self, batch: Any) -> Tensor:
        """L_G - lambda L_I(G)."""
        z = self.latent(batch)
        fake_logits, parameters = self.logit_and_codes(*self.fake(batch, z))
        return non_saturating_generator_loss(self.heard(fake_logits)) - self.information(z, parameters)

    def panels(self, real: Tensor | None, labels: Tensor | None = None, seed: int = 0) -> dict[str, Tensor]:
        """``traversal``: a row for each category of the first code, columns along each continuous code in turn.

        All with the same noise and the other codes the same, continuous ones at 0; what there is no code for is drawn.
        """
        walked = self.prior.traversal(indexed_draw(self.prior, mix(seed, 3), 0, _PANEL_COLUMNS, self.latent_dim))
        with torch.no_grad():
            images: Tensor = self(walked.flatten(0, 1).to(self.device).type(self.dtype))
        rows = images.float().cpu().unflatten(0, walked.shape[:2])
        return super().panels(real, labels, seed) | {"traversal": rows}


def _parameters(categories: Sequence[int], continuous: int, deviation: float | None) -> list[int]:
    """How many parameters Q has: logits of each categorical code, means, and deviations that are not fixed."""
    return [*categories, continuous, continuous if deviation is None else 0]
