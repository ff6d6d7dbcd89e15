"""Generative adversarial networks for PyTorch Lightning: a game with players, one page a paper."""
# ruff: noqa: F403, F405 # the names stand once, in __all__

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lightning_gans.errors import ConfigError

if TYPE_CHECKING:
    from lightning_gans.batch import Batch, Condition, Sample
    from lightning_gans.engine import *
    from lightning_gans.models import *
    from lightning_gans.schedule import Ramp

__version__ = version("lightning-gans")

_ROOMS = ("batch", "schedule", "engine", "models")

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
    "Batch",
    "BiGAN",
    "BigGAN",
    "CoGAN",
    "Condition",
    "ConditionalGAN",
    "ConditionalVAE",
    "ConfigError",
    "ContextEncoder",
    "Critic",
    "CycleGAN",
    "FastGAN",
    "Game",
    "GatedInpainter",
    "HingeGAN",
    "InfoGAN",
    "LatentModel",
    "MinimaxGAN",
    "Normal",
    "Optimization",
    "PacGAN",
    "Phase",
    "Pix2Pix",
    "Player",
    "Prior",
    "ProgressiveGAN",
    "ProjectionGAN",
    "Ramp",
    "SaddlePointFGAN",
    "Sample",
    "StackGAN",
    "StyleGAN2",
    "TextModel",
    "TopK",
    "Translator",
    "Uniform",
    "UnrolledGAN",
    "WithEncoder",
]


def __dir__() -> list[str]:
    """What can be asked for, imported or not."""
    return sorted({*globals(), *__all__, "engine", "models"})


def __getattr__(name: str) -> Any:
    """Import models and engine when they are asked for: a command that needs no torch starts at once."""
    if name in ("engine", "models"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        for room in _ROOMS:
            found = getattr(importlib.import_module(f"{__name__}.{room}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
