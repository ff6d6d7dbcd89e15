"""Super-resolution with a game after a phase of content."""

from torch import Tensor
from torch.nn import functional as F

from lightning_gans.models.super_resolution import SuperResolution


class SRGAN(SuperResolution):
    """SRGAN: what a generator makes of a small image y shall resemble the large one x in features, and look like one.

        first   L_G = E[|x - G(y)|^2]
        then    L_D = -E[log D(x)] - E[log(1 - D(G(y)))]
                L_G = mu E[|phi(x) - phi(G(y))|^2] - lambda E[log D(G(y))]

    Ledig et al. 2017, arXiv:1609.04802, eq. 2 to 6, squares being means over values. Pixels alone ask for the mean of
    all images that y could come from, which is blurred; phi, maps of a classifier, lets details be elsewhere, and D
    asks for those of a photograph. The paper's phi are maps of VGG19 divided by 12.75, mu = 1 (``feature_weight``),
    lambda = 1e-3 (``adversarial_weight``); without ``features`` contents are compared in pixels, its SRGAN-MSE.

    Logged: ``reconstruction/pixels``, mean squared error in units of [-1, 1], and ``reconstruction/features``.

    Args:
        args: As of ``SuperResolution``: ``SRResNet`` and ``SRDiscriminator``.
        kwargs: As of ``SuperResolution``.
    """

    @staticmethod
    def distance(fake: Tensor, real: Tensor) -> Tensor:
        """|x - G(y)|^2."""
        return F.mse_loss(fake, real)
