"""Networks; every discriminator returns logits, and offers the layer below them as ``features``."""

from lightning_gans.networks.coupled import CoupledDiscriminator, CoupledGenerator
from lightning_gans.networks.dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from lightning_gans.networks.minibatch import MinibatchDiscrimination, MinibatchStdDev
from lightning_gans.networks.mlp import MaxoutDiscriminator, MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.networks.projection import ProjectionDiscriminator
from lightning_gans.networks.resnet import ResNetDiscriminator, ResNetGenerator
from lightning_gans.networks.spectral import SpectralNorm, spectrally_normalized

__all__ = [
    "CoupledDiscriminator",
    "CoupledGenerator",
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MaxoutDiscriminator",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "ProjectionDiscriminator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "SpectralNorm",
    "spectrally_normalized",
]
