"""Auxiliary classifier GAN."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN


class ACGAN(GAN):
    """Auxiliary classifier GAN: the discriminator is not told the class, it has to name it.

        L_S = E[log P(S = real | X_real)] + E[log P(S = fake | X_fake)]
        L_C = E[log P(C = c | X_real)] + E[log P(C = c | X_fake)]
        D ascends L_S + L_C, G ascends L_C - L_S

    Odena et al. 2017, arXiv:1610.09585, eq. 2 and 3, with the non-saturating form of -L_S for G. One network gives
    both distributions: from images to (N, 1 + C) logits, the first for the source S, or to a pair (N, 1) and (N, C).

    Raises:
        ConfigError: In training: the discriminator has another number of outputs.
    """

    def __init__(self, *args: Any, given: Sequence[str] = ("label",), **kwargs: Any) -> None:
        super().__init__(*args, given=given, **kwargs)
        if self.num_classes is None:
            raise ConfigError("given", list(self.given), "this model names classes: it is given the label")
        self.critic.output_sizes = (1, self.num_classes)
        self.critic.refuse_top_k(type(self).__name__)  # the classes of all samples count

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is not told labels, but has an output for each."""
        told = super().network_kwargs(role, data, settings)
        outputs = 1 + (data["num_classes"] or 0)
        return told | ({"num_classes": 0, "out_features": outputs} if role == "discriminator" else {})

    def real(self, batch: Batch) -> Sample:
        """Images without their labels: D has to name the class."""
        return Sample(batch.image)

    def fake(self, batch: Batch, z: Tensor | None = None) -> Sample:
        """Images that were made for the labels of the batch, without these."""
        return super().fake(batch, z)._replace(condition=Condition())

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-L_S - L_C."""
        real, fake = self.real(batch), self.fake(batch)
        real_scored, fake_scored, labels = self.critic.score(real), self.critic.score(fake), batch.labels
        (real_class,), (fake_class,) = real_scored.rest, fake_scored.rest  # (N, C)
        self.log_value("class_accuracy/real", (real_class.argmax(1) == labels).float().mean())
        self.log_value("class_accuracy/fake", (fake_class.argmax(1) == labels).float().mean())
        source = self.critic.discriminator_loss(real_scored, fake_scored)
        return source + F.cross_entropy(real_class, labels) + F.cross_entropy(fake_class, labels)

    def generator_loss(self, batch: Batch) -> Tensor:
        """L_S - L_C, where L_S is -E[log P(S = real | X_fake)]."""
        fake = self.critic.score(self.fake(batch))
        return self.critic.generator_loss(fake) + F.cross_entropy(fake.rest[0], batch.labels)
