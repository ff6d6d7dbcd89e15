"""Metrics of generative models: pure functions in :mod:`functional`, and the torchmetrics classes that keep state."""
