"""Translation without pairs and without a way back: contrast of patches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import Optimization, Player, Translator
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial
from lightning_gans.objectives import LeastSquares, Objective


@runtime_checkable
class ShowsMaps(Protocol):
    """A translator that can be asked for the maps on the way to its image."""

    feature_channels: Sequence[int]

    def features(self, source: Tensor) -> list[Tensor]:
        """Maps (N, ``feature_channels[i]``, h_i, w_i)."""


class CUT(Adversarial, Translator):
    """CUT: a patch of the translation shall resemble the patch of the source in its place more than others of it.

        L_D = 1/2 E_b[(D(b) - 1)^2] + 1/2 E_a[D(G(a))^2]
        L_G = E_a[(D(G(a)) - 1)^2] + lambda (NCE(a, G(a)) + NCE(b, G(b))) / 2
        NCE(a, x) = mean over layers l and places s of -log( exp(q.k_s / tau) / sum_s' exp(q.k_s' / tau) )

    Park et al. 2020, arXiv:2007.15651, eq. 1 to 5, with q = H_l(E_l(x)) in place s and k = H_l(E_l(a)): features of the
    generator's own first half, through a small network for each layer, of length 1, so that sources and images have as
    many channels. All s' are places of the same source. NCE(b, G(b)) keeps images of the target domain as they are. One
    generator and one discriminator, so about half of CycleGAN's work. No gradient flows into k, as in their code.

    Logged: ``contrast/source``, and ``contrast/image`` with ``identity``, the NCE terms in nats.

    Args:
        generator: With ``features(source)``, a list of maps, and ``feature_channels``, their channels, as
            ``ResNetTranslator`` has them.
        discriminator: From images to logits of any shape (N, ...).
        nce_weight: lambda.
        temperature: tau.
        num_patches: Places that are drawn for each image and layer, at most as many as the layer has.
        projection_dim: Features of a patch after H_l.
        identity: Whether there is the term of b.
        objective: What logits are for; least squares when None, as in the paper's code.
        kwargs: As of ``Adversarial`` and ``Translator``.

    Raises:
        ConfigError: A setting is out of its range, or the generator does not show its features.
    """

    # Appendix C.1: Adam with rate 2e-4 and beta_1 = 0.5 and a linear fall in the second half, as CycleGAN.
    defaults = replace(Adversarial.defaults, ema_decay=0.0, decay_begin=0.5)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        nce_weight: float = 1.0,
        temperature: float = 0.07,
        num_patches: int = 256,
        projection_dim: int = 256,
        identity: bool = True,
        objective: Objective | None = None,
        optimization: Optimization = defaults,
        **kwargs: Any,
    ) -> None:
        objective = objective or LeastSquares(generator_weight=1.0)
        super().__init__(generator, discriminator, optimization=optimization, objective=objective, **kwargs)
        if nce_weight < 0:
            raise ConfigError("nce_weight", nce_weight, "must be 0 or more")
        positive = {"temperature": temperature, "num_patches": num_patches, "projection_dim": projection_dim}
        for name, value in positive.items():
            if not value > 0:
                raise ConfigError(name, value, "must be positive")
        self.nce_weight, self.temperature, self.num_patches = nce_weight, temperature, num_patches
        self.identity = identity
        if not isinstance(generator, ShowsMaps):
            hint = "must show its maps by features(source), and feature_channels, as ResNetTranslator does"
            raise ConfigError("generator", type(generator).__name__, hint)
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(each, projection_dim), nn.ReLU(), nn.Linear(projection_dim, projection_dim))
            for each in generator.feature_channels
        )

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is not shown the source."""
        told = super().network_kwargs(role, data, settings)
        return told if role == "generator" else {"image_shape": data["image_shape"]}

    def players(self) -> list[Player]:
        """The discriminator, then generator and projections as one."""
        discriminator, generator = super().players()
        return [discriminator, replace(generator, modules=[self.generator, self.projections])]

    def real(self, batch: Batch) -> Sample:
        """The images, without the sources, which are none of theirs."""
        return Sample(batch.image)

    def fake(self, batch: Batch) -> Sample:
        """G(a)."""
        return super().fake(batch)._replace(condition=Sample(batch.image).condition)

    def generator_loss(self, batch: Batch) -> Tensor:
        """What D says of G(a), and lambda times the mean of the contrasts."""
        (a,), b = batch.condition.tensors(), batch.images
        if a.shape[1] != b.shape[1]:
            hint = f"and images have {b.shape[1]}: CUT compares the two by features of one network; choose the same"
            raise ConfigError("source_channels", a.shape[1], hint)
        fake = self.fake(batch)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        contrast = self.nce(a, fake.image)
        self.log_value("contrast/source", contrast)
        if self.identity:
            kept = self.nce(b, self.generator(b))
            self.log_value("contrast/image", kept)
            contrast = (contrast + kept) / 2
        return adversarial + self.nce_weight * contrast

    def nce(self, source: Tensor, image: Tensor) -> Tensor:
        """How well places of a source are told from each other in its translation, a scalar in nats.

        log S where all of S places look alike.
        """
        assert isinstance(self.generator, ShowsMaps)
        losses = []
        shown = zip(self.generator.features(source), self.generator.features(image), self.projections, strict=True)
        for of_source, of_image, project in shown:
            places = of_source.shape[2] * of_source.shape[3]
            order = self.rand(torch.rand, len(source), places).argsort(1)[:, : self.num_patches]  # (N, S)
            k, q = (_patches(each, order, project) for each in (of_source, of_image))  # (N, S, D)
            similarity = q @ k.detach().transpose(1, 2) / self.temperature  # (N, S, S)
            target = torch.arange(order.shape[1], device=q.device).expand(len(source), -1)
            losses.append(F.cross_entropy(similarity.flatten(0, 1), target.flatten()))
        return torch.stack(losses).mean()


def _patches(maps: Tensor, places: Tensor, project: nn.Module) -> Tensor:
    """Projected features of length 1 (N, S, D) of maps (N, C, h, w) in places (N, S), numbered row by row."""
    columns = maps.flatten(2).transpose(1, 2)  # (N, h w, C)
    chosen = columns.gather(1, places[..., None].expand(-1, -1, columns.shape[2]))
    return F.normalize(project(chosen).float(), dim=2)
