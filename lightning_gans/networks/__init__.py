"""Networks: generators, encoders, translators, and discriminators, every one of which returns logits."""

from lightning_gans.networks.attention import SelfAttention
from lightning_gans.networks.biggan import BigGANGenerator
from lightning_gans.networks.context import ContextGenerator
from lightning_gans.networks.coupled import CoupledDiscriminator, CoupledGenerator
from lightning_gans.networks.dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from lightning_gans.networks.draw import DRAWNetwork
from lightning_gans.networks.fastgan import FastGANDiscriminator, FastGANGenerator, SkipExcitation
from lightning_gans.networks.gated import BoundedOutput, GatedConv2d, GatedGenerator, SpectralPatchDiscriminator
from lightning_gans.networks.minibatch import MinibatchDiscrimination, MinibatchStdDev
from lightning_gans.networks.mlp import MaxoutDiscriminator, MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.networks.patchgan import PatchDiscriminator
from lightning_gans.networks.progressive import (
    GrowingGenerator,
    GrowingNetwork,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
)
from lightning_gans.networks.projection import ProjectionDiscriminator, ShowsFeatures
from lightning_gans.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from lightning_gans.networks.resnet import ResNetDiscriminator, ResNetGenerator
from lightning_gans.networks.resnet_translator import ResNetTranslator
from lightning_gans.networks.sagan import ConditionalBatchNorm2d, SAGANDiscriminator, SAGANGenerator
from lightning_gans.networks.spectral import SpectralNorm, spectrally_normalized
from lightning_gans.networks.stack import (
    LayerStack,
    LayerStackDiscriminator,
    LayerStackEncoder,
    LayerStackGenerator,
)
from lightning_gans.networks.stackgan import StackGANGenerator
from lightning_gans.networks.stylegan2 import StyleDiscriminator, StyleGenerator
from lightning_gans.networks.super_resolution import RRDBNet, SRDiscriminator, SRResNet
from lightning_gans.networks.text import TextDiscriminator, TextGenerator, TextNoise
from lightning_gans.networks.unet import UNet

__all__ = [
    "BigGANGenerator",
    "BoundedOutput",
    "ConditionalBatchNorm2d",
    "ContextGenerator",
    "CoupledDiscriminator",
    "CoupledGenerator",
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "DRAWNetwork",
    "FastGANDiscriminator",
    "FastGANGenerator",
    "GatedConv2d",
    "GatedGenerator",
    "GrowingGenerator",
    "GrowingNetwork",
    "LayerStack",
    "LayerStackDiscriminator",
    "LayerStackEncoder",
    "LayerStackGenerator",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MaxoutDiscriminator",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "PatchDiscriminator",
    "ProgressiveDiscriminator",
    "ProgressiveGenerator",
    "ProjectionDiscriminator",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "RRDBNet",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ResNetTranslator",
    "SAGANDiscriminator",
    "SAGANGenerator",
    "SRDiscriminator",
    "SRResNet",
    "SelfAttention",
    "ShowsFeatures",
    "SkipExcitation",
    "SpectralNorm",
    "SpectralPatchDiscriminator",
    "StackGANGenerator",
    "StyleDiscriminator",
    "StyleGenerator",
    "TextDiscriminator",
    "TextGenerator",
    "TextNoise",
    "UNet",
    "spectrally_normalized",
]
