"""InfoGAN."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.engine import InfoGANPrior, fold_in, rows_from_index
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.objectives import categorical_information, continuous_information

_COLUMNS = 8


class InfoGAN(GAN):
    """GAN whose samples tell the codes that they were made of: some latents come to mean something, without labels.

        min_{G,Q} max_D  V(D, G) - lambda L_I(G, Q),    L_I = E_{c, x ~ G(z, c)}[log Q(c | x)] + H(c)  <=  I(c; G(z, c))

    Chen et al. 2016, arXiv:1606.03657, eq. 5 and 6. Q shares all layers of D but the last (section 4): one network
    with 1 logit, the categories of each categorical code, and the mean of each continuous one, for which Q is normal.
    So D's player owns Q, as in the authors' code: it descends L_D - lambda L_I, the generator's player L_G - lambda
    L_I, and L_I counts for what each owns.

    Latents (N, Z) are noise, one-hot codes, continuous codes: ``latent_dim`` counts all of them, ``prior`` is that of
    the noise. The discriminator has (N, 1 + K) outputs, D's logit first and Q's K parameters after it, or a pair.

    Args:
        categorical_codes: Number of categories of each categorical code.
        num_continuous_codes: Number of continuous codes, uniform on [-1, 1].
        categorical_weight: lambda of the categorical codes.
        continuous_weight: lambda of the continuous ones.
        q_std: Standard deviation of Q for continuous codes, 1 as in the authors' code for MNIST; None for one that Q
            gives too, as the logarithm, after the means (appendix C). A density that may sharpen has no upper bound:
            then lambda wants to be small (section 4).

    Raises:
        ConfigError: A setting is out of its range, or there is no code, or no room for the codes.
    """

    prior: InfoGANPrior

    def __init__(
        self,
        *args: Any,
        categorical_codes: Sequence[int] = (10,),
        num_continuous_codes: int = 2,
        categorical_weight: float = 1.0,
        continuous_weight: float = 1.0,
        q_std: float | None = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if min(categorical_weight, continuous_weight) < 0:
            raise ConfigError("weights", (categorical_weight, continuous_weight), "must be 0 or more")
        if q_std is not None and q_std <= 0:
            raise ConfigError("q_std", q_std, "must be positive, or null for one that Q gives")
        self.categorical_weight, self.continuous_weight, self.q_std = categorical_weight, continuous_weight, q_std
        self.prior = InfoGANPrior(categorical_codes, num_continuous_codes, noise=self.prior)
        if self.prior.split_sizes(self.latent_dim)[1:] == [0]:
            raise ConfigError("categorical_codes", [], "without any code this is GAN; give some, of either kind")
        self._parameter_sizes = _parameters(categorical_codes, num_continuous_codes, q_std)
        self.critic.output_sizes = (1, sum(self._parameter_sizes))
        self.critic.refuse_top_k(type(self).__name__)  # the codes of all samples count

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator has an output for itself, and those of Q."""
        told = super().network_kwargs(role, data, settings)
        codes = (settings[name] for name in ("categorical_codes", "num_continuous_codes", "q_std"))
        return told | ({"out_features": 1 + sum(_parameters(*codes))} if role == "discriminator" else {})

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """L_D - lambda L_I(Q)."""
        z = self.latent(batch)
        real, fake = self.real(batch), self.fake(batch, z)
        fake_scored = self.critic.score(fake)
        return self.critic.discriminator_loss(real, fake_scored) - self.mutual_information_bound(z, *fake_scored.rest)

    def generator_loss(self, batch: Batch) -> Tensor:
        """L_G - lambda L_I(G)."""
        z = self.latent(batch)
        fake = self.critic.score(self.fake(batch, z))
        return self.critic.generator_loss(fake) - self.mutual_information_bound(z, *fake.rest)

    def mutual_information_bound(self, z: Tensor, parameters: Tensor) -> Tensor:
        """Lambda L_I from latents (N, Z) and Q's parameters (N, K), a scalar; its parts are logged, in nats."""
        _, *codes, continuous = self.prior.split(z)
        *logits, mean, own = parameters.split(self._parameter_sizes, dim=1)
        log_std = own if self.q_std is None else torch.full_like(mean, math.log(self.q_std))
        bounds = [categorical_information(*pair) for pair in zip(codes, logits, strict=True)]
        categorical = torch.stack([parameters.new_zeros(()), *bounds]).sum()
        density = continuous_information(continuous, mean, log_std)
        self.log_value("information/categorical", categorical)
        self.log_value("information/continuous", density)
        return self.categorical_weight * categorical + self.continuous_weight * density

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """``traversal``: a row for each category of the first code, columns along each continuous code in turn.

        All with the same noise and the other codes the same, continuous ones at 0; what there is no code for is drawn.
        """
        walked = self.prior.traversal(rows_from_index(self.prior, fold_in(seed, 3), 0, _COLUMNS, self.latent_dim))
        rows, columns = walked.shape[:2]
        label = self._placed(self.sample_condition(0, 1, seed)).map(lambda t: t.expand(rows * columns))
        with torch.no_grad():
            images: Tensor = self(walked.flatten(0, 1).to(self.device).type(self.dtype), *label.tensors())
        return super().visuals(batch, seed) | {"traversal": images.float().cpu().unflatten(0, (rows, columns))}


def _parameters(categorical: Sequence[int], continuous: int, q_std: float | None) -> list[int]:
    """How many parameters Q has: logits of each categorical code, means, and deviations that are not fixed."""
    return [*categorical, continuous, continuous if q_std is None else 0]
