"""GAN with a spectrally normalized discriminator."""

from typing import Any

from torch import nn

from lightning_gans.errors import ConfigError
from lightning_gans.models.gan import GAN
from lightning_gans.networks import SpectralNorm, spectrally_normalized


class SNGAN(GAN):
    """Spectrally normalized GAN: every layer of the discriminator has its weight divided by its largest singular value.

        L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))],    D = sigmoid(f),  W_sn = W / sigma(W) in every layer of f
        L_G = -E_z[log D(G(z))]

    Miyato et al. 2018, arXiv:1802.05957, eq. 1 and 8: f is as steep as its activations allow and no steeper, with no
    penalty to compute and no weight to choose. For the hinge objective of section 4.3 with the same networks see
    ``HingeGAN``. The defaults of ``GAN`` are the paper's setting C.

    Args:
        generator: As of ``GAN``.
        discriminator: f. Its linear, 2-D convolutional and embedding layers are normalized, in place, unless they are
            so already; a layer with a weight that cannot be is refused.

    Raises:
        ConfigError: A layer of the discriminator cannot be normalized, or would undo it (batch norm's scale).
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, **kwargs: Any) -> None:
        super().__init__(generator, spectrally_normalized(discriminator), **kwargs)
        normalized = {id(m.layer) for m in self.discriminator.modules() if isinstance(m, SpectralNorm)}
        for name, module in self.discriminator.named_modules():
            own = [key for key, _ in module.named_parameters(recurse=False)]
            if id(module) not in normalized and any(key.startswith("weight") for key in own):
                kind = f"{type(module).__name__} at {name!r}"
                hint = "cannot be spectrally normalized; use linear and Conv2d layers alone, without batch norm"
                raise ConfigError("discriminator", kind, hint)
