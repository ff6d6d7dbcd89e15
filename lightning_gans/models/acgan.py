"""Auxiliary classifier GAN."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import labels_of
from lightning_gans.engine import GAN, Conditional
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import minimax_discriminator_loss, non_saturating_generator_loss


class ACGAN(Conditional, GAN):
    """Auxiliary classifier GAN: the discriminator is not told the class, it has to name it.

        L_S = E[log P(S = real | X_real)] + E[log P(S = fake | X_fake)]
        L_C = E[log P(C = c | X_real)] + E[log P(C = c | X_fake)]
        D ascends L_S + L_C, G ascends L_C - L_S

    Odena et al. 2017, arXiv:1610.09585, eq. 2 and 3, with the non-saturating form of -L_S for G. One network gives
    both distributions: 1 logit for the source S, and C for the classes.

    Args:
        args: Generator, from latents (N, Z) and labels (N,) to images (N, C, H, W); discriminator, from images to
            (N, 1 + classes) logits, the first that of being real.
        num_classes: Number of classes; the command line takes it from the data.
        kwargs: As of ``GAN``.

    Raises:
        ConfigError: The discriminator has another number of outputs.
    """

    sample_wise = False  # the classes of all samples count, whatever a trick does to their sources

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The discriminator is not told labels, but has an output for each."""
        found = super().facts(role, facts, settings)
        classes = found["num_classes"] or 0
        return found | ({"classes": 0, "outputs": 1 + classes} if role == "discriminator" else {})

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """(images,)."""
        return super().real(batch)[:1]

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(generated images,), made for the labels of the batch."""
        return super().fake(batch, z)[:1]

    def judge(self, *inputs: Tensor) -> Tensor:
        """The logit of the source, (N, 1)."""
        return self.source_and_class(*inputs)[0]

    def source_and_class(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the source (N, 1) and of the classes (N, C)."""
        outputs = self.outputs(*inputs)
        if outputs.shape[1:] != (1 + self.num_classes,):
            given, wanted = tuple(outputs.shape[1:]), f"1 + {self.num_classes}, for the source and the classes"
            raise ConfigError("discriminator", f"outputs {given}", f"this model needs {wanted}")
        return outputs[:, :1], outputs[:, 1:]

    def discriminator_loss(self, batch: Any) -> Tensor:
        """-L_S - L_C."""
        labels, real, fake = labels_of(batch), self.real(batch), self.fake(batch)
        (real_source, real_class), (fake_source, fake_class) = (
            self.source_and_class(*real),
            self.source_and_class(*fake),
        )
        self.note("class_accuracy/real", _accuracy(real_class, labels))
        self.note("class_accuracy/fake", _accuracy(fake_class, labels))
        source = minimax_discriminator_loss(*self.weighed(real, fake, real_source, fake_source))
        return source + F.cross_entropy(real_class, labels) + F.cross_entropy(fake_class, labels)

    def generator_loss(self, batch: Any) -> Tensor:
        """L_S - L_C, where L_S is -E[log P(S = real | X_fake)]."""
        source, classes = self.source_and_class(*self.fake(batch))
        return non_saturating_generator_loss(self.heard(source)) + F.cross_entropy(classes, labels_of(batch))


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).float().mean()
