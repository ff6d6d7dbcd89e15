"""What is added to a discriminator's loss, and constraints on weights: pure functions, and objects to pass in."""

from lightning_gans.regularizers.gradients import (
    Score,
    clip_weights_,
    differentiable,
    gradient_penalty,
    input_gradients,
    interpolated,
    no_autocast_eager,
    require_no_batch_statistics,
    squared_gradient_penalty,
)
from lightning_gans.regularizers.labels import LabelSmoothing, NoisyLabels
from lightning_gans.regularizers.orthogonal import orthogonal_penalty
from lightning_gans.regularizers.regularizer import (
    R1,
    R2,
    GradientPenalty,
    GradientRegularizer,
    Rand,
    Regularizer,
)

__all__ = [
    "R1",
    "R2",
    "GradientPenalty",
    "GradientRegularizer",
    "LabelSmoothing",
    "NoisyLabels",
    "Rand",
    "Regularizer",
    "Score",
    "clip_weights_",
    "differentiable",
    "gradient_penalty",
    "input_gradients",
    "interpolated",
    "no_autocast_eager",
    "orthogonal_penalty",
    "require_no_batch_statistics",
    "squared_gradient_penalty",
]
