"""Image-to-image translation with a conditional GAN."""

from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch
from lightning_gans.engine import Optimization, Translator
from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import Adversarial


class Pix2Pix(Adversarial, Translator):
    """pix2pix: a generator turns a source c into an image, a discriminator scores patches of the two side by side.

        L_D = -E_{c,x}[log D(c, x)] - E_c[log(1 - D(c, G(c)))]
        L_G = -E_c[log D(c, G(c))] + lambda E_{c,x}[|x - G(c)|_1]

    Isola et al. 2017, arXiv:1611.07004, eq. 1, 3 and 4, with the non-saturating generator loss of section 3.3. L1 asks
    for what is right on average, which is mean color and blur; the discriminator for what looks real. There is no z:
    the only noise is the U-Net's dropout, in training. Translations are made in eval mode, without it. L_D is the whole
    sum, as in the authors' code; the paper's division by 2 changes nothing but Adam's epsilon.

    Logged: ``reconstruction/l1``, per value in units of [-1, 1].

    Args:
        args: Generator, from sources (N, c, H, W) to images, all in [-1, 1]: ``UNet``; discriminator, from images and
            their sources to logits (N, 1, h, w): ``PatchDiscriminator``.
        l1_weight: lambda.
        kwargs: As of ``Adversarial``; what ``augment`` does must not part images from their sources: color, say.

    Raises:
        ConfigError: ``l1_weight`` is negative, or a part does not fit the others.
    """

    # Section 3.3 of the paper: Adam with rate 2e-4 and beta_1 = 0.5, which are those of ``adam``.
    defaults = replace(Adversarial.defaults, ema_decay=0.0)

    def __init__(
        self, *args: Any, l1_weight: float = 100.0, optimization: Optimization = defaults, **kwargs: Any
    ) -> None:
        super().__init__(*args, optimization=optimization, **kwargs)
        if l1_weight < 0:
            raise ConfigError("l1_weight", l1_weight, "must be 0 or more; the paper uses 100")
        self.l1_weight = l1_weight

    def on_fit_start(self) -> None:
        """Refuse data without pairs."""
        data = getattr(self.trainer, "datamodule", None)
        if getattr(getattr(data, "train_dataset", None), "paired", True) is False:
            hint = "has no pairs, of which alone pix2pix learns; CycleGAN and CUT need none"
            raise ConfigError("data", type(data).__name__, hint)
        super().on_fit_start()

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(c, x)] - E[log(1 - D(c, G(c)))]."""
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(c, G(c))] + lambda E[|x - G(c)|_1]."""
        fake = self.fake(batch)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        l1 = F.l1_loss(fake.image.float(), batch.image)
        self.log_value("reconstruction/l1", l1)
        return adversarial + self.l1_weight * l1
