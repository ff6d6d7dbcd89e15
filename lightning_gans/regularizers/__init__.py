"""Penalties and weight constraints: pure functions of tensors."""

from lightning_gans.regularizers.weights import clip_weights_

__all__ = ["clip_weights_"]
