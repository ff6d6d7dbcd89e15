"""Networks; every discriminator returns logits, and offers the layer below them as ``features``."""

from lightning_gans.networks.dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from lightning_gans.networks.mlp import MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.networks.projection import ProjectionDiscriminator
from lightning_gans.networks.resnet import ResNetDiscriminator, ResNetGenerator
from lightning_gans.networks.spectral import SpectralNorm, spectrally_normalized

__all__ = [
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "ProjectionDiscriminator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "SpectralNorm",
    "spectrally_normalized",
]
