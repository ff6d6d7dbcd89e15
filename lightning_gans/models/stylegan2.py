"""StyleGAN2: latents become styles, styles scale the layers of a synthesis."""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.engine import Optimization, Player, Styled, adam, is_styled
from lightning_gans.engine.priors import Prior
from lightning_gans.engine.processes import all_reduce_mean
from lightning_gans.engine.rng import fold_in, rows_from_index
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.regularizers import differentiable, no_autocast_eager, squared_gradient_penalty

_MEAN_STYLE_RATE = 0.005  # how fast W's mean is followed, a step: StyleGAN's .995
_LENGTH_RATE = 0.01  # how fast the mean path length is followed
_NOISE_STREAM = 3  # of the random numbers of generated samples, beside latents and classes


class StyleGAN2(GAN):
    """StyleGAN2, with StyleGAN's mixing of styles, noise and truncation.

        L_D = E[softplus(-D(x))] + E[softplus(D(G(z)))] + gamma / 2 E[|grad D(x)|^2]
        L_G = E[softplus(-D(G(z)))] + weight E[(|J_w^T y|_2 - a)^2],    w = f(z),  y ~ N(0, I) / sqrt(H W)

    Karras et al. 2020, arXiv:1912.04958, section 3.2, eq. 4 and app. B. a is a moving mean of the path lengths
    |J_w^T y|, the lengths of steps in the image for steps in W. Both penalties are computed every few updates, with as
    many times the weight and Adam corrected for the further updates (lazy regularization). R1 is that of the images
    before augmentation.

    Args:
        generator: With a mapping and a synthesis, such as ``StyleGenerator``.
        discriminator: Such as ``StyleDiscriminator``.
        gamma: Of R1: 10 in the paper for 1024 x 1024; 0.0002 H W / batch size is the authors' later rule.
        gamma_interval: R1 is computed in every n-th update.
        path_length_weight: 2 in the paper, 0 for none, as in the authors' recipe for CIFAR-10.
        path_length_interval: It is computed in every n-th update, on half of a batch.
        mixing: Share of samples with two styles, the second one from a random layer on (Karras et al. 2019,
            arXiv:1812.04948, section 3.1).
        optimization: How both learn.

    Raises:
        ConfigError: A setting is out of its range, or the generator has no styles.
    """

    path_length: Tensor
    """The moving mean of path lengths, a scalar."""
    defaults = replace(
        GAN.defaults,
        ema_decay=0.0,
        ema_half_life=10_000.0,
        ema_ramp=0.05,
        generator=adam(2.5e-3, 0.0, 0.99),
        discriminator=adam(2.5e-3, 0.0, 0.99),
    )

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        gamma: float = 1.0,
        gamma_interval: int = 16,
        path_length_weight: float = 2.0,
        path_length_interval: int = 4,
        mixing: float = 0.9,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, optimization=optimization, **kwargs)
        if not is_styled(generator):
            hint = "has no styles: a mapping, a synthesis, their mean; StyleGenerator has"
            raise ConfigError("generator", type(generator).__name__, hint)
        for name, value in (("gamma", gamma), ("path_length_weight", path_length_weight)):
            if value < 0:
                raise ConfigError(name, value, "must be 0 or more")
        if not 0 <= mixing <= 1:
            raise ConfigError("mixing", mixing, "the share of samples with two styles: 0 to 1")
        self.gamma, self.gamma_interval = gamma, gamma_interval
        self.path_length_weight, self.path_length_interval = path_length_weight, path_length_interval
        self.mixing = mixing
        self.register_buffer("path_length", torch.zeros(()))

    def players(self) -> list[Player]:
        """The generator, then the discriminator, each with its penalty every few steps."""
        discriminator, generator = super().players()
        players = [generator, discriminator]
        if self.path_length_weight > 0:
            shared: dict[str, Any] = {"interval": self.path_length_interval, "shares": generator.name}
            loss = self.path_length_penalty
            players.insert(1, Player("path_length", loss, [self.generator], **shared))
        if self.gamma > 0:
            shared = {"interval": self.gamma_interval, "shares": discriminator.name}
            players.append(Player("r1", self.r1, [self.discriminator], **shared))
        return players

    # The losses.

    def generator_loss(self, batch: Batch) -> Tensor:
        """E[softplus(-D(G(z)))]; the mean of W is followed on the way."""
        fake, styles = self._generated(batch)
        mean, followed = styles[:, 0].detach().mean(0), self._network.mean_style
        all_reduce_mean((), (mean,))
        followed.lerp_(mean.to(followed.dtype), _MEAN_STYLE_RATE)
        return self.critic.generator_loss(fake)

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """What the discriminator scores of as many generated samples, some of two styles."""
        return self._generated(batch)[0]

    def r1(self, batch: Batch) -> Tensor:
        """Gamma / 2 E[|grad D(x)|^2], by the images before augmentation."""
        with no_autocast_eager(self.device):
            penalty = squared_gradient_penalty(self.critic.score(differentiable(self.real(batch))))
        self.log_value("penalty/r1", penalty)
        return self.gamma / 2 * penalty

    def path_length_penalty(self, batch: Batch) -> Tensor:
        """Weight E[(|J_w^T y|_2 - a)^2] of half as many samples, as in the paper; a is followed on the way."""
        half = (len(batch.image) + 1) // 2
        part = batch._replace(image=batch.image[:half], condition=batch.condition.map(lambda given: given[:half]))
        with no_autocast_eager(self.device):
            fake, styles = self._generated(part)
            image = fake.image
            y = self.rand(torch.randn, *image.shape) / math.sqrt(image.shape[2] * image.shape[3])
            (slopes,) = torch.autograd.grad((image * y).sum(), styles, create_graph=True)  # (N, L, W)
            lengths = slopes.square().sum(2).mean(1).sqrt()
        mean = lengths.detach().mean()
        all_reduce_mean((), (mean,))
        self.path_length.lerp_(mean.to(self.path_length.dtype), _LENGTH_RATE)
        penalty = (lengths - self.path_length).square().mean()
        self.log_value("path_length", self.path_length)
        self.log_value("penalty/path_length", penalty)
        return self.path_length_weight * penalty

    def _generated(self, batch: Batch) -> tuple[Sample, Tensor]:
        """Samples for a batch, and their styles (N, L, W), one for each layer."""
        network, given = self._network, batch.condition.tensors()
        styles = network.truncate(network.mapping(self.latent(batch), *given))
        if self.mixing > 0:
            others = network.truncate(network.mapping(self.latent(batch), *given))
            mixed, where = self.rand(torch.rand, len(styles), 2)[:, :, None].unbind(1)  # (N, 1) each
            first = 1 + (where * (network.num_styles - 1)).floor()  # layer of the second style's
            layers = torch.arange(network.num_styles, device=styles.device)
            second = (layers >= first) & (mixed < self.mixing)
            styles = torch.where(second[:, :, None], others, styles)
        noise = self.rand(torch.randn, len(styles), network.num_noise)
        return Sample(network.synthesis(styles, noise), batch.condition, generated=True), styles

    @property
    def _network(self) -> Styled:
        assert is_styled(self.generator)
        return self.generator

    # What is generated.

    def generator_inputs(
        self, condition: Condition, first: int, last: int, seed: int, prior: Prior | None = None
    ) -> tuple[Tensor, ...]:
        """What the generator takes for samples ``first`` to ``last``: latents, what is given, noise."""
        z, *given = super().generator_inputs(condition, first, last, seed, prior)
        noise = rows_from_index(torch.randn, fold_in(seed, _NOISE_STREAM), first, last, self._network.num_noise)
        return z, *given, noise.to(self.device).type(self.dtype)
