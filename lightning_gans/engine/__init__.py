"""The game engine: players, steps, critics, randomness, averaging, gradient exchange."""

from lightning_gans.engine.checks import DivergedError, NonFiniteLossError
from lightning_gans.engine.critic import Critic, discriminator_auc
from lightning_gans.engine.encoder import WithEncoder, WithGaussianEncoder
from lightning_gans.engine.game import Game
from lightning_gans.engine.inpainter import Inpainter
from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.logging import log_metrics
from lightning_gans.engine.optimization import BaseOptimization, Optimization, adam
from lightning_gans.engine.phase import Phase
from lightning_gans.engine.player import Player
from lightning_gans.engine.priors import InfoGANPrior, Normal, Prior, Uniform
from lightning_gans.engine.protocols import (
    Styled,
    can_encode,
    can_interpolate,
    can_sample,
    can_translate,
    enlarges,
    is_class_conditional,
    is_styled,
)
from lightning_gans.engine.rng import fold_in, rows_from_index
from lightning_gans.engine.text_model import TextModel
from lightning_gans.engine.top_k import TopK
from lightning_gans.engine.translator import Translator
from lightning_gans.engine.unrolling import InnerOptimizer, InnerSGD, SameOptimizer, functional_call_with, unroll

__all__ = [
    "BaseOptimization",
    "Critic",
    "DivergedError",
    "Game",
    "InfoGANPrior",
    "InnerOptimizer",
    "InnerSGD",
    "Inpainter",
    "LatentModel",
    "NonFiniteLossError",
    "Normal",
    "Optimization",
    "Phase",
    "Player",
    "Prior",
    "SameOptimizer",
    "Styled",
    "TextModel",
    "TopK",
    "Translator",
    "Uniform",
    "WithEncoder",
    "WithGaussianEncoder",
    "adam",
    "can_encode",
    "can_interpolate",
    "can_sample",
    "can_translate",
    "discriminator_auc",
    "enlarges",
    "fold_in",
    "functional_call_with",
    "is_class_conditional",
    "is_styled",
    "log_metrics",
    "rows_from_index",
    "unroll",
]
