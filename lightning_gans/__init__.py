"""Generative adversarial networks for PyTorch Lightning: a game with players, one page a paper."""
