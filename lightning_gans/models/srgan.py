"""Super-resolution with a game after a phase of content."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.batch import Batch
from lightning_gans.models.super_resolution import SuperResolution, SuperResolutionOptimization


class SRGAN(SuperResolution):
    """SRGAN: what a generator makes of a small image y shall resemble the large one x in features, and look like one.

        first   L_G = E[|x - G(y)|^2]
        then    L_D = -E[log D(x)] - E[log(1 - D(G(y)))]
                L_G = mu E[|phi(x) - phi(G(y))|^2] - lambda E[log D(G(y))]

    Ledig et al. 2017, arXiv:1609.04802, eq. 2 to 6, squares being means over values. Pixels alone ask for the mean of
    all images that y could come from, which is blurred; phi, maps of a classifier, lets details be elsewhere, and D
    asks for those of a photograph. The paper's phi are maps of VGG19 divided by 12.75, mu = 1, lambda = 1e-3; without
    ``features`` contents are compared in pixels, its SRGAN-MSE.

    Logged: ``reconstruction/pixels``, mean squared error in units of [-1, 1], and ``reconstruction/features``.

    Args:
        args: As of ``SuperResolution``: ``SRResNet`` and ``SRDiscriminator``.
        feature_weight: mu.
        adversarial_weight: lambda.
        kwargs: As of ``SuperResolution``.
    """

    def __init__(
        self,
        *args: Any,
        feature_weight: float = 1.0,
        adversarial_weight: float = 1e-3,
        optimization: SuperResolutionOptimization = SuperResolution.defaults,
        **kwargs: Any,
    ) -> None:
        kwargs |= {"feature_weight": feature_weight, "adversarial_weight": adversarial_weight}
        super().__init__(*args, optimization=optimization, **kwargs)

    @staticmethod
    def distance(fake: Tensor, real: Tensor) -> Tensor:
        """|x - G(y)|^2."""
        return F.mse_loss(fake, real)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log D(x)] - E[log(1 - D(G(y)))]."""
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """Mu E[|phi(x) - phi(G(y))|^2] - lambda E[log D(G(y))]."""
        fake = self.fake(batch)
        adversarial = self.critic.generator_loss(fake, self.real(batch) if self.critic.needs_real else None)
        return self.content(fake.image, batch.images) + self.adversarial_weight * adversarial
