"""Objectives, divergences and kernels: pure functions of tensors."""
