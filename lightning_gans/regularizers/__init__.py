"""Penalties and weight constraints: pure functions of tensors."""

from lightning_gans.regularizers.gradients import exact, gradient_penalty, r1_penalty, r2_penalty, require_sample_wise
from lightning_gans.regularizers.weights import clip_weights_

__all__ = ["clip_weights_", "exact", "gradient_penalty", "r1_penalty", "r2_penalty", "require_sample_wise"]
