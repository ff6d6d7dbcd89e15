"""The variants, one paper a file; no variant imports another."""

from lightning_gans.models.aae import AAE
from lightning_gans.models.acgan import ACGAN
from lightning_gans.models.autoencoder import Autoencoder
from lightning_gans.models.bigan import ALI, BiGAN
from lightning_gans.models.biggan import BigGAN
from lightning_gans.models.cgan import ConditionalGAN
from lightning_gans.models.cogan import CoGAN
from lightning_gans.models.context_encoder import ContextEncoder
from lightning_gans.models.cut import CUT
from lightning_gans.models.cvae import ConditionalVAE
from lightning_gans.models.cyclegan import CycleGAN
from lightning_gans.models.dcgan import DCGAN
from lightning_gans.models.dragan import DRAGAN
from lightning_gans.models.draw import DRAW
from lightning_gans.models.esrgan import ESRGAN
from lightning_gans.models.fastgan import FastGAN
from lightning_gans.models.fgan import FGAN, SaddlePointFGAN
from lightning_gans.models.gan import GAN, MinimaxGAN
from lightning_gans.models.gan_cls import GANCLS
from lightning_gans.models.gated_inpainter import GatedInpainter
from lightning_gans.models.hinge import HingeGAN
from lightning_gans.models.infogan import InfoGAN
from lightning_gans.models.lsgan import LSGAN
from lightning_gans.models.mmd_gan import MMDGAN
from lightning_gans.models.pacgan import PacGAN
from lightning_gans.models.pix2pix import Pix2Pix
from lightning_gans.models.progressive_gan import ProgressiveGAN
from lightning_gans.models.projection import ProjectionGAN
from lightning_gans.models.r3gan import R3GAN
from lightning_gans.models.sagan import SAGAN
from lightning_gans.models.sngan import SNGAN
from lightning_gans.models.srgan import SRGAN
from lightning_gans.models.stackgan import StackGAN
from lightning_gans.models.stylegan2 import StyleGAN2
from lightning_gans.models.unrolled import UnrolledGAN
from lightning_gans.models.vae import VAE
from lightning_gans.models.vaegan import VAEGAN
from lightning_gans.models.veegan import VEEGAN
from lightning_gans.models.wgan import WGAN
from lightning_gans.models.wgan_gp import WGANGP

__all__ = [
    "AAE",
    "ACGAN",
    "ALI",
    "CUT",
    "DCGAN",
    "DRAGAN",
    "DRAW",
    "ESRGAN",
    "FGAN",
    "GAN",
    "GANCLS",
    "LSGAN",
    "MMDGAN",
    "R3GAN",
    "SAGAN",
    "SNGAN",
    "SRGAN",
    "VAE",
    "VAEGAN",
    "VEEGAN",
    "WGAN",
    "WGANGP",
    "Autoencoder",
    "BiGAN",
    "BigGAN",
    "CoGAN",
    "ConditionalGAN",
    "ConditionalVAE",
    "ContextEncoder",
    "CycleGAN",
    "FastGAN",
    "GatedInpainter",
    "HingeGAN",
    "InfoGAN",
    "MinimaxGAN",
    "PacGAN",
    "Pix2Pix",
    "ProgressiveGAN",
    "ProjectionGAN",
    "SaddlePointFGAN",
    "StackGAN",
    "StyleGAN2",
    "UnrolledGAN",
]
