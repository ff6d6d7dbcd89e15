"""Generative adversarial networks for PyTorch Lightning: a game with players, one page a paper."""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lightning_gans.errors import ConfigError

if TYPE_CHECKING:
    from lightning_gans.engine import GAN, Conditional, Game, Inference, LatentModel, Normal, Player, Prior, Trick, Uniform
    from lightning_gans.models import (
        AAE,
        ACGAN,
        ALI,
        DCGAN,
        DRAGAN,
        FGAN,
        LSGAN,
        MMDGAN,
        R3GAN,
        SNGAN,
        VAE,
        VAEGAN,
        VEEGAN,
        WGAN,
        WGANGP,
        BiGAN,
        CoGAN,
        ConditionalGAN,
        ConditionalVAE,
        HingeGAN,
        InfoGAN,
        MinimaxGAN,
        PacGAN,
        ProjectionGAN,
        SaddlePointFGAN,
        UnrolledGAN,
    )

__version__ = version("lightning-gans")

__all__ = [
    "AAE",
    "ACGAN",
    "ALI",
    "DCGAN",
    "DRAGAN",
    "FGAN",
    "GAN",
    "LSGAN",
    "MMDGAN",
    "R3GAN",
    "SNGAN",
    "VAE",
    "VAEGAN",
    "VEEGAN",
    "WGAN",
    "WGANGP",
    "BiGAN",
    "CoGAN",
    "Conditional",
    "ConditionalGAN",
    "ConditionalVAE",
    "Game",
    "HingeGAN",
    "Inference",
    "InfoGAN",
    "LatentModel",
    "MinimaxGAN",
    "Normal",
    "PacGAN",
    "Player",
    "Prior",
    "ProjectionGAN",
    "SaddlePointFGAN",
    "ConfigError",
    "Trick",
    "Uniform",
    "UnrolledGAN",
]


def __dir__() -> list[str]:
    """What can be asked for, imported or not."""
    return sorted({*globals(), *__all__, "core", "models", "tricks"})


def __getattr__(name: str) -> Any:
    """Import models and engine when they are asked for: a command that needs no torch starts at once."""
    if name in ("core", "models", "tricks"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        for room in ("core", "models", "tricks"):
            found = getattr(importlib.import_module(f"{__name__}.{room}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
